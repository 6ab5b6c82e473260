import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ConsulRaft, connectRaft } from '../../clients/consul/raft.ts';
import { connectKube } from '../../clients/kube/client.ts';
import { systemClock } from '../../clients/kube/clock.ts';
import {
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVER_SERVICE,
  NAMESPACE,
  UPGRADE_SECRETS_DIRECTORY,
} from '../../mesh/installation.ts';
import { consulServer } from '../../mesh/reshape.ts';
import { prepareUpgrade } from '../install/prepare-upgrade.ts';

/** `landbridge prepare-upgrade`: the chart's hook runs it before Helm upgrades or rolls back. */
export function prepareUpgradeCommand(): Command {
  return new Command('prepare-upgrade')
    .description('refuse values that an installation cannot go over to, and do what Helm cannot (run by the chart)')
    .action(() =>
      prepareUpgrade({
        kube: connectKube(),
        env: process.env,
        openServers: async () => firstServer(process.env['LANDBRIDGE_SECRETS'] ?? UPGRADE_SECRETS_DIRECTORY),
        clock: systemClock,
        say: (line) => void process.stdout.write(`${line}\n`),
      }),
    );
}

function firstServer(folder: string): ConsulRaft {
  const read = (file: string): string => readFileSync(`${folder}/${file}`, 'utf8').trim();
  const [caPem, token] = [read('ca.crt'), read('token')];
  return connectRaft({
    addresses: [`${consulServer(0)}.${CONSUL_SERVER_SERVICE}.${NAMESPACE}.svc:${CONSUL_HTTPS_PORT}`],
    caPem,
    serverName: CONSUL_SERVER_NAME,
    token: () => token,
  });
}
