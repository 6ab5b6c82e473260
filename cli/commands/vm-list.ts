import { Command } from 'commander';
import { hostPort, urlHost } from '../../base/host-port.ts';
import type { InstanceRow, InstancesAnswer } from '../../mesh/outside/bridge-api.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';
import { keptOut } from '../check/machines.ts';
import { type Format, outputOption, print } from '../output.ts';
import { table } from '../table.ts';

/** `landbridge vm list`: the instances on VMs; with --all, every instance in the catalog other than pods. */
export function vmListCommand(): Command {
  return withBridgeFlags(new Command('list'))
    .description('list the instances on VMs, with the time since the last beat of their machine')
    .option(
      '-a, --all',
      'every instance outside the cluster, also without a sidecar, and also registered by others',
      false,
    )
    .addOption(outputOption())
    .action(async (flags: BridgeFlags & { all: boolean; output: Format }) => {
      const answer = await askBridge<InstancesAnswer>(
        await bridgeAccess(flags),
        'GET',
        `/v1/instances${flags.all ? '?others=true' : ''}`,
      );
      const instances = answer.instances.filter(({ platform }) => flags.all || platform === 'vm');
      const shown = { ...answer, instances };
      print(flags.output, shown, () => listText(shown, flags.all ? Date.now() : undefined));
    });
}

const HEADER = ['INSTANCE', 'SERVICE', 'SITE', 'HOST', 'ADDRESS', 'HEALTH', 'SILENT', 'WHY'];

/** `nowMs`: with owner and age. */
export function listText(
  { instances, brakes, released = [], notAdmitted = [] }: InstancesAnswer,
  nowMs?: number,
): string {
  const held = brakes.map(
    ({ site, held }) =>
      `site ${site}: the mass-loss brake keeps ${held.length} silent hosts up (${held.join(', ')}): has the bridge lost its network to them? If they are dead: landbridge vm release --site ${site}\n`,
  );
  const free = released.map(
    ({ site, forMs }) => `site ${site}: the mass-loss brake is released for ${Math.ceil(forMs / 1000)} s more\n`,
  );
  const doors = instances.flatMap(({ id, door }) => (door === undefined ? [] : [`${id}: ${door}\n`]));
  const out = notAdmitted.map((one) => `${keptOut(one)}\n`);
  if (instances.length === 0)
    return `no instances: landbridge vm invite SERVICE --site SITE makes an invite\n${out.join('')}`;
  const more = (row: InstanceRow): string[] => (nowMs === undefined ? [] : [row.owner ?? '-', ageOf(row, nowMs)]);
  const header = nowMs === undefined ? HEADER : [...HEADER.slice(0, -1), 'OWNER', 'AGE', 'WHY'];
  const rows = instances.map((row) => [...cells(row).slice(0, -1), ...more(row), cells(row).at(-1)!]);
  return table(header, rows) + [...held, ...free, ...out, ...doors].join('');
}

/** In its largest unit, as kubectl prints ages. */
function ageOf({ since }: InstanceRow, nowMs: number): string {
  if (since === undefined) return '-';
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

const cells = (row: InstanceRow): string[] => [
  row.id,
  row.service,
  row.site,
  row.host,
  row.port === 0 ? urlHost(row.address) : hostPort(row.address, row.port),
  row.health,
  row.silentMs === undefined ? '-' : `${(row.silentMs / 1000).toFixed(1)}s`,
  [row.health === 'passing' ? [] : row.output.split('\n')[0]!, row.note ?? []].flat().join('; '),
];
