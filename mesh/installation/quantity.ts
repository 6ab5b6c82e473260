/** Kubernetes' amounts, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */

const FACTORS: Record<string, [base: bigint, power: bigint]> = {
  Ki: [1024n, 1n],
  Mi: [1024n, 2n],
  Gi: [1024n, 3n],
  Ti: [1024n, 4n],
  Pi: [1024n, 5n],
  Ei: [1024n, 6n],
  k: [1000n, 1n],
  M: [1000n, 2n],
  G: [1000n, 3n],
  T: [1000n, 4n],
  P: [1000n, 5n],
  E: [1000n, 6n],
};
/** All amounts are held in this part of one: finer ones do not exist in Kubernetes. */
const NANO = 1_000_000_000n;
const SMALL: Record<string, bigint> = { n: 1n, u: 1000n, m: 1_000_000n, '': NANO };

/** `a` more or less `b`, in the shortest spelling. Undefined when one of them is not an amount. */
export function sum(a: string, b: string, sign: 1 | -1 = 1): string | undefined {
  const [left, right] = [nanoOf(a), nanoOf(b)];
  return left === undefined || right === undefined ? undefined : spell(left + BigInt(sign) * right);
}

/** The amount in billionths of one; undefined for any other text. */
export function nanoOf(text: string): bigint | undefined {
  const match = /^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?(?:[eE]([+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]))?$/.exec(text);
  const [, sign, whole = '', fraction = '', exponent = '0', suffix = ''] = match ?? [];
  if (match === null || whole + fraction === '') return undefined;
  const power = Number(exponent);
  const [base, times] = FACTORS[suffix] ?? [1n, 0n];
  let value = BigInt(whole + fraction) * (SMALL[suffix] ?? NANO) * base ** times;
  // Kubernetes rounds up what is finer than a billionth.
  const divisor = 10n ** BigInt(fraction.length + Math.max(0, -power));
  value = value * 10n ** BigInt(Math.max(0, power));
  value = (value + divisor - 1n) / divisor;
  return sign === '-' ? -value : value;
}

function spell(nano: bigint): string {
  if (nano % NANO !== 0n) {
    if (nano % SMALL.m! === 0n) return `${nano / SMALL.m!}m`;
    return nano % SMALL.u! === 0n ? `${nano / SMALL.u!}u` : `${nano}n`;
  }
  const ones = nano / NANO;
  const suffix = ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki'].find((one) => ones !== 0n && ones % factor(one) === 0n);
  return suffix === undefined ? String(ones) : `${ones / factor(suffix)}${suffix}`;
}

function factor(suffix: string): bigint {
  const [base, power] = FACTORS[suffix]!;
  return base ** power;
}
