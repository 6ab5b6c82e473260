import { Command } from 'commander';
import type { InstanceRow, InstancesAnswer } from '../../mesh/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';
import { table } from '../table.ts';

/** `landbridge vm list`: the instances on VMs; with --all, the sidecar-less ones too. */
export function vmListCommand(): Command {
  return withBridgeFlags(new Command('list'))
    .description('list the instances on VMs, with how long nothing was heard from their machine')
    .option('-a, --all', 'sidecar-less instances too', false)
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (flags: BridgeFlags & { all: boolean; output: string }) => {
      const answer = await askBridge<InstancesAnswer>(await bridgeAccess(flags), 'GET', '/v1/instances');
      const instances = answer.instances.filter(({ platform }) => flags.all || platform === 'vm');
      const shown = { ...answer, instances };
      process.stdout.write(flags.output === 'json' ? `${JSON.stringify(shown, undefined, 2)}\n` : listText(shown));
    });
}

const HEADER = ['INSTANCE', 'SERVICE', 'SITE', 'HOST', 'ADDRESS', 'HEALTH', 'SILENT', 'WHY'];

export function listText({ instances, brakes, released = [] }: InstancesAnswer): string {
  const held = brakes.map(
    ({ site, held }) =>
      `site ${site}: the mass-loss brake keeps ${held.length} silent hosts up (${held.join(', ')}): has the bridge lost its network to them? If they are dead: landbridge vm release --site ${site}\n`,
  );
  const free = released.map(
    ({ site, forMs }) => `site ${site}: the mass-loss brake is released for ${Math.ceil(forMs / 1000)} s more\n`,
  );
  if (instances.length === 0) return `no instances: landbridge vm invite SERVICE --site SITE makes an invite\n`;
  return table(HEADER, instances.map(cells)) + [...held, ...free].join('');
}

const cells = (row: InstanceRow): string[] => [
  row.id,
  row.service,
  row.site,
  row.host,
  `${row.address.includes(':') ? `[${row.address}]` : row.address}${row.port === 0 ? '' : `:${row.port}`}`,
  row.health,
  row.silentMs === undefined ? '-' : `${(row.silentMs / 1000).toFixed(1)}s`,
  row.health === 'passing' ? (row.note ?? '') : row.output.split('\n')[0]!,
];
