import { z } from 'zod';

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const VALUE = '^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$';
const DNS = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const KEY = `^(${DNS}([.]${DNS})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`;
const KEY_LENGTH = 317;

/**
 * The API server judges the selector of a Deployment and of a NetworkPolicy, and not that of a custom kind. One that it would
 * refuse there selects nothing, or with NotIn and no values everything, and gets no NetworkPolicy. Said to the API server
 * alone: an object that was there before stays readable.
 */
const value = z.string().max(63).meta({ pattern: VALUE });
const key = z.string().min(1).max(KEY_LENGTH).meta({ pattern: KEY });

export const labelSelector = z
  .strictObject({
    matchLabels: z
      .record(z.string().max(KEY_LENGTH), value)
      .optional()
      .meta({
        maxProperties: 64,
        'x-kubernetes-validations': [
          {
            rule: `self.all(key, size(key) <= ${KEY_LENGTH} && key.matches(r'${KEY}'))`,
            message: 'a key of matchLabels is not one that a label can have, such as app or app.kubernetes.io/name',
          },
        ],
      }),
    matchExpressions: z
      .array(
        z
          .strictObject({
            key,
            operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
            values: z.array(value).max(64).optional(),
          })
          .meta({
            'x-kubernetes-validations': [
              {
                rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                message:
                  'In and NotIn need values, and Exists and DoesNotExist cannot have them: add values or leave them out',
              },
            ],
          }),
      )
      .max(16)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' }),
  })
  .describe('Kubernetes label selector. All of its requirements must hold.');
