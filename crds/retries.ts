import { z } from 'zod';

/** What `retries.on` can name; source: service-router RetryOn of Consul, retry conditions of Envoy's router filter. */
const RETRY_CONDITIONS = [
  'connect-failure',
  'refused-stream',
  'reset',
  'gateway-error',
  '5xx',
  'retriable-4xx',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const;

export const retries = z
  .strictObject({
    attempts: z
      .int()
      .min(0)
      .max(10)
      .optional()
      .describe('Further tries after the first. 0 switches retries off. Default: 2.'),
    on: z
      .array(z.enum(RETRY_CONDITIONS))
      .min(1)
      .max(RETRY_CONDITIONS.length)
      .optional()
      .describe('When to try again. Default: connect-failure, refused-stream, reset.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    statusCodes: z
      .array(z.int().min(400).max(599))
      .min(1)
      .max(16)
      .optional()
      .describe('Answers with these codes are tried again too. Default: none.')
      .meta({ 'x-kubernetes-list-type': 'set' }),
    methods: z
      .enum(['Idempotent', 'All'])
      .optional()
      .describe(
        'Idempotent: only GET, HEAD, OPTIONS, TRACE, PUT and DELETE are tried again on what is given above; other methods only when no instance has seen the request (connect-failure, refused-stream). All: whatever the method. Default: Idempotent.',
      ),
  })
  .describe('http, http2, grpc. A timeout per try has no field, since Consul has no place for one.');
