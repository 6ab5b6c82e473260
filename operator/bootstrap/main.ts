import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { connectConsul } from '../../clients/consul/connect.ts';
import type { Consul } from '../../clients/consul/consul.ts';
import { connectKube } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import { bootstrap } from './bootstrap.ts';
import { verifyExternal } from './external.ts';
import { removeFromConsul } from './remove.ts';
import { secretStore } from './secret-store.ts';
import { type BootstrapSettings, readSettings } from './settings.ts';

/**
 * The bootstrap job. Resolves when the installation is usable; throws when it cannot become so, or the reason of
 * `signal` when that aborts. To run it again is always right.
 */
export async function runBootstrap(env: Record<string, string | undefined>, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  const log = pino({ name: 'bootstrap', level: settings.logLevel });
  await bootstrap({
    settings,
    store: secretStore(connectKube(), settings.namespace),
    openConsul: opener(settings, signal),
    readExternal: () => readExternal(settings),
    clock: systemClock,
    random: Math.random,
    log,
    signal,
  });
}

/** The same job the other way round: takes everything of the installation out of servers that stay. */
export async function runRemoval(env: Record<string, string | undefined>, signal: AbortSignal): Promise<void> {
  const settings = readSettings(env);
  const log = pino({ name: 'removal', level: settings.logLevel });
  if (settings.external === undefined)
    throw new Error('own servers need no removal: their data goes with their volumes');
  if (!settings.external.manageAcls) {
    log.info('the ACLs were made by hand, and are taken away by hand');
    return;
  }
  const { caPem, token } = readExternal(settings);
  const open = opener(settings, signal);
  const consul = open(caPem, token);
  try {
    await verifyExternal(consul, settings.cluster, token);
    const deleted = await removeFromConsul(consul, (own) => open(caPem, own), settings.cluster);
    log.info({ deleted }, 'Consul holds nothing of the installation any more');
  } finally {
    consul.close();
  }
}

const opener =
  ({ consul: { addresses, serverName } }: BootstrapSettings, signal: AbortSignal) =>
  (caPem: string, token: string, requestTimeoutMs?: number): Consul =>
    connectConsul({
      addresses,
      serverName,
      caPem,
      token: () => token,
      signal,
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    });

function readExternal({ external }: BootstrapSettings): { caPem: string; token: string } {
  const { folder, manageAcls } = external!;
  const read = (file: string, key: string): string => {
    let text = '';
    try {
      text = readFileSync(`${folder}/${file}`, 'utf8').trim();
    } catch {
      // Said below, as for an empty one.
    }
    if (text === '') throw new Error(`the Secret of ${key} has no such key, or an empty one: check ${key}.key`);
    return text;
  };
  return {
    caPem: `${read('ca.crt', 'externalConsul.ca')}\n`,
    token: manageAcls ? read('token', 'externalConsul.token') : '',
  };
}
