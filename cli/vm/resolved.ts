import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import type { Address } from '../../agent/machine/address.ts';
import { hostPort } from '../../base/host-port.ts';
import { Problem } from '../../base/problem.ts';
import { publicFile } from './public-file.ts';

const DROP_IN = '/etc/systemd/resolved.conf.d/landbridge.conf';
const UNSIGNED = '/etc/dnssec-trust-anchors.d/landbridge.negative';
const UNIT = 'systemd-resolved.service';

const MARK = '# Written by landbridge vm join; landbridge vm leave --all takes it away.';

/**
 * systemd-resolved's settings, by path: names that end in consul go to the agent (resolved.conf(5)), and need no signature where others do (dnssec-trust-anchors.d(5)).
 */
const resolvedFiles = ({ host, port }: Address): Record<string, string> => ({
  [DROP_IN]: `${MARK}
[Resolve]
DNS=${hostPort(host, port)}
Domains=~consul
`,
  [UNSIGNED]: `; ${MARK.slice(2)}
consul
`,
});

/**
 * Whether *.consul is resolved on this machine from now on. Needs root. Running it again changes nothing, but that
 * systemd-resolved, which is another user, can read what root's umask kept from it before.
 */
export async function setResolved(address: Address): Promise<boolean> {
  if (!(await isActive())) return false;
  let changed = false;
  for (const [path, wanted] of Object.entries(resolvedFiles(address))) {
    if (await publicFile(path, wanted)) changed = true;
  }
  if (changed) await restart();
  return true;
}

/** Takes away what setResolved wrote. */
export async function unsetResolved(): Promise<void> {
  const there = [DROP_IN, UNSIGNED].filter((path) => existsSync(path));
  for (const path of there) await rm(path, { force: true });
  if (there.length > 0 && (await isActive())) await restart();
}

/** What to tell whoever looks after a machine with another resolver. */
export const resolverAdvice = ({ host, port }: Address): string =>
  `systemd-resolved does not run here: to resolve *.consul, let this machine's resolver ask ${host} port ${port} for consul (dnsmasq: server=/consul/${host}#${port})`;

const isActive = (): Promise<boolean> =>
  promisify(execFile)('systemctl', ['is-active', '--quiet', UNIT], { timeout: 10_000 }).then(
    () => true,
    () => false,
  );

/** Not every version reads its settings again when asked to; a restart takes a moment, and nss-resolve waits for it. */
async function restart(): Promise<void> {
  try {
    await promisify(execFile)('systemctl', ['restart', UNIT], { timeout: 30_000 });
  } catch (error) {
    throw new Problem(`${UNIT} fails to start now: ${(error as Error).message.trim()}`);
  }
}
