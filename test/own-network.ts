import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Whether this user can make network namespaces here. */
export const networksCanBeMade = (): Promise<boolean> =>
  promisify(execFile)('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up']).then(
    () => true,
    () => false,
  );

/** The command in a network namespace of its own, with nothing but loopback: fixed ports of two commands do not meet. */
export const inOwnNetwork = (command: readonly string[]): string[] => [
  ...['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'],
  ...command,
];
