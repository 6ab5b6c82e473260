import type { BaseLogger } from 'pino';

/** The part of pino that this folder uses: constant messages, fields first. */
export type Log = Pick<BaseLogger, 'debug' | 'info' | 'warn' | 'error'>;
