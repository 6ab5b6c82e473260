import type { Instance } from './instance.ts';

export type Log = (level: 'info' | 'error', message: string, fields?: Record<string, unknown>) => void;

/** One JSON line on standard output for a start, a stop or an error. */
export function logFor(self: Instance): Log {
  return (level, message, fields) => {
    const head = { time: new Date().toISOString(), level, service: self.service, instance: self.instance, message };
    process.stdout.write(JSON.stringify({ ...head, ...fields }) + '\n');
  };
}
