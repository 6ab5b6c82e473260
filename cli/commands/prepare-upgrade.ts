import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ConsulRaft, connectRaft } from '../../clients/consul/raft.ts';
import { connectKube } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import {
  CONSUL_HTTPS_PORT,
  CONSUL_SERVER_NAME,
  CONSUL_SERVER_SERVICE,
  NAMESPACE,
  UPGRADE_SECRETS_DIRECTORY,
} from '../../mesh/installation/installation.ts';
import { UPGRADE_REFUSED, consulServer } from '../../mesh/installation/reshape.ts';
import { UpgradeRefused, prepareUpgrade } from '../install/prepare-upgrade.ts';

/** `landbridge prepare-upgrade`: the chart's hook runs it before Helm upgrades or rolls back. */
export function prepareUpgradeCommand(): Command {
  return new Command('prepare-upgrade')
    .description('refuse values that an installation cannot go over to, and do what Helm cannot (run by the chart)')
    .addHelpText(
      'after',
      `\nExit codes: ${UPGRADE_REFUSED} the values are refused and nothing was changed, 1 it could not be done: try again.`,
    )
    .action(() =>
      prepareUpgrade({
        kube: connectKube(),
        env: process.env,
        openServers: async () => firstServer(process.env['LANDBRIDGE_SECRETS'] ?? UPGRADE_SECRETS_DIRECTORY),
        clock: systemClock,
        say: (line) => void process.stdout.write(`${line}\n`),
      }).catch((error: unknown) => {
        if (error instanceof UpgradeRefused) process.exitCode = UPGRADE_REFUSED;
        throw error;
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
