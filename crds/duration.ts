import { z } from 'zod';

/** A duration as Kubernetes and Go spell it (`300ms`, `2s`, `1m30s`), within bounds that the API server checks. */
export const duration = (least: string, most: string) =>
  z
    .string()
    .min(2)
    .max(24)
    .regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/)
    .meta({
      'x-kubernetes-validations': [
        {
          rule: `duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
          message: `must be a duration between ${least} and ${most}, for example ${least} or ${most}`,
        },
      ],
    });
