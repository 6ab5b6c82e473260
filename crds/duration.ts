import { z } from 'zod';

/** A duration as Kubernetes and Go spell it (`300ms`, `2s`, `1m30s`), within bounds that the API server checks. */
export const duration = (least: string, most: string) =>
  bounded(
    `duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
    `must be a duration between ${least} and ${most}, with its unit (ms, s, m, h), for example ${least} or ${most}`,
  );

/** The same, or `0s` for no limit. */
export const durationOrNone = (least: string, most: string) =>
  bounded(
    `duration(self) == duration('0s') || (duration(self) >= duration('${least}') && duration(self) <= duration('${most}'))`,
    `must be 0s for no limit, or a duration between ${least} and ${most}, with its unit (ms, s, m, h)`,
  );

const SPELLED = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$';

/** Other texts get the same sentence. */
const bounded = (rule: string, message: string) =>
  z
    .string()
    .min(2)
    .max(24)
    .regex(new RegExp(SPELLED))
    .meta({ 'x-kubernetes-validations': [{ rule: `self.matches(r'${SPELLED}') && (${rule})`, message }] });
