import { z } from 'zod';

/** Shapes that requests and answers of the bridge share. */

export const port = z.int().min(1).max(65535);
export const name = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower-case letters, digits and dashes, at most 63');

/** Sidecars of pods at a time. */
export const MAX_PROBES = 32;

export const probeRequest = z.strictObject({
  /** The results for the targets of the answer before; empty: nothing was tried yet. */
  results: z
    .array(
      z.strictObject({
        service: name,
        address: z.union([z.ipv4(), z.ipv6()]),
        port,
        ok: z.boolean(),
        /** The result, in a few words. */
        output: z.string().max(200),
      }),
    )
    .max(MAX_PROBES),
});

export type ProbeResult = z.output<typeof probeRequest>['results'][number];
export type ProbeTarget = Pick<ProbeResult, 'service' | 'address' | 'port'>;
