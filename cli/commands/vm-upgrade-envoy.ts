import { Command } from 'commander';

import { localClient } from '../../agent/local-api/client.ts';
import { apiSocket, readSettings } from '../../agent/machine/settings.ts';
import type { Upgraded } from '../../agent/instances/upgrade-envoys.ts';

/** `landbridge vm upgrade-envoy`: does now the upgrade that the agent does by itself some seconds after the program was replaced. */
export function vmUpgradeEnvoyCommand(): Command {
  return new Command('upgrade-envoy')
    .description(
      'replace the running Envoys by the installed one, without losing a request: the agent does so by itself within 10 s; this command waits and tells',
    )
    .action(async () => {
      const { upgraded } = await localClient(apiSocket(readSettings(process.env))).upgradeEnvoys();
      process.stdout.write(upgradedText(upgraded));
    });
}

const upgradedText = (upgraded: Upgraded[]): string =>
  upgraded.length === 0
    ? 'every Envoy runs the installed program already\n'
    : upgraded.map(({ instance, from, to }) => `upgraded ${instance}: Envoy ${from ?? '-'} -> ${to}\n`).join('');
