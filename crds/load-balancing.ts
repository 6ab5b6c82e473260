import { z } from 'zod';
import { duration } from './duration.ts';
import { headerName } from './http-match.ts';

const hashOn = z
  .strictObject({
    header: headerName.optional(),
    cookie: z
      .strictObject({
        name: z
          .string()
          .min(1)
          .max(128)
          .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/),
        ttl: duration('1s', '8760h')
          .optional()
          .describe('Envoy sets the cookie for this long where the caller sends none. Default: it sets none.'),
      })
      .optional(),
    source: z.literal(true).optional().describe("The caller's address."),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '[has(self.header), has(self.cookie), has(self.source)].filter(given, given).size() == 1',
        message: 'hashOn: give exactly one of header, cookie, source',
      },
    ],
  });

export const loadBalancing = z
  .strictObject({
    policy: z
      .enum(['LeastRequest', 'RoundRobin', 'Random', 'RingHash', 'Maglev'])
      .describe('How a caller chooses among the instances.'),
    hashOn: hashOn.optional().describe('RingHash, Maglev: requests alike in this go to the same instance.'),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: "(self.policy in ['RingHash', 'Maglev']) == has(self.hashOn)",
        message: 'RingHash and Maglev need hashOn, and the other policies cannot have it: add hashOn or change policy',
      },
    ],
  });
