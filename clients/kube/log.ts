import type { BaseLogger } from 'pino';

/** What this folder needs of pino: constant messages, fields first. */
export type Log = Pick<BaseLogger, 'debug' | 'info' | 'warn' | 'error'>;
