import { readFileSync } from 'node:fs';

/** Whether this process can never have some capability the kernel knows, so that privileged containers fail. */
export function lacksCapabilities(
  status = readFileSync('/proc/self/status', 'utf8'),
  last = readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'),
): boolean {
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (bounding === undefined) throw new Error('/proc/self/status names no CapBnd');
  const all = (1n << BigInt(Number(last) + 1)) - 1n;
  return (BigInt(`0x${bounding}`) & all) !== all;
}
