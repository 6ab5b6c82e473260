const QUANTITY = /^(\d+(?:\.\d+)?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/;
const FACTORS: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** An amount as Kubernetes writes it (`1Gi`, `500m`) as a number; undefined when the text is no such amount. */
export function amountOf(text: string): number | undefined {
  const [, digits, unit = ''] = QUANTITY.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (FACTORS[unit] ?? 1);
}
