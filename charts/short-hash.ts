import { createHash } from 'node:crypto';

/** Ten characters that change when the value does. */
export const shortHash = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10);
