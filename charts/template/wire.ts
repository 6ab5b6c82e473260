/** Fields that cdk8s' generated classes spell otherwise than Kubernetes does. */
const SPELLING: Record<string, string> = {
  clusterIp: 'clusterIP',
  hostIp: 'hostIP',
  loadBalancerIp: 'loadBalancerIP',
  clientIp: 'clientIP',
  downwardApi: 'downwardAPI',
  nonResourceUrls: 'nonResourceURLs',
};

export const wireKey = (key: string): string => SPELLING[key] ?? key;

/** The generated classes wrap what may be a number or a string, and that only, in `{ value }`. */
export function unwrapped(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  return keys.length === 1 && keys[0] === 'value' ? (value as { value: unknown }).value : value;
}
