import { pino } from 'pino';
import { connectConsul } from '../../clients/consul/connect.ts';
import { connectKube } from '../../clients/kube/client.ts';
import { systemClock } from '../../clients/kube/clock.ts';
import { bootstrap } from './bootstrap.ts';
import { secretStore } from './secret-store.ts';
import { readSettings } from './settings.ts';

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
    openConsul: (caPem, token) =>
      connectConsul({
        addresses: [settings.consul.address],
        serverName: settings.consul.serverName,
        caPem,
        token: () => token,
        signal,
      }),
    clock: systemClock,
    random: Math.random,
    log,
    signal,
  });
}
