import { Command } from 'commander';

import { localClient } from '../../agent/local-api/client.ts';
import { apiSocket, readSettings } from '../../agent/machine/settings.ts';
import type { InstanceStatus } from '../../agent/instances/instance-status.ts';
import type { AgentStatus } from '../../agent/local-api/status.ts';
import { doubtIn } from '../../mesh/outside/call-doubt.ts';
import { type Format, outputOption, print } from '../output.ts';
import { table } from '../table.ts';

/** `landbridge vm status`: shows the state of the agent of this machine. Exit code 0 also when something is not well. */
export function vmStatusCommand(): Command {
  return new Command('status')
    .description('how the instances of this machine are')
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }) => {
      const status = await localClient(apiSocket(readSettings(process.env))).status();
      print(output, status, () => statusText(status));
    });
}

export function statusText(status: AgentStatus): string {
  const { host, site, address, bridge, leaseMs, names, problems, instances } = status;
  const lease =
    bridge.leaseAgeMs === undefined
      ? 'no lease yet'
      : `lease of ${leaseMs / 1000} s held ${(bridge.leaseAgeMs / 1000).toFixed(1)} s ago`;
  const lines = [
    `${host} at ${site} (${address}), bridge ${bridge.address}, ${lease}, certificate until ${status.certificateExpiresAt}`,
    ...(bridge.problem === undefined ? [] : [`bridge: ${bridge.problem}`]),
    ...(names === undefined ? [] : [namesLine(names)]),
    ...problems.map((problem) => `problem: ${problem}`),
  ];
  // No beat was answered for a whole lease, so the view of the mesh on this machine is not known here.
  const lapsed = bridge.leaseAgeMs !== undefined && bridge.leaseAgeMs > leaseMs;
  const header = ['INSTANCE', 'PORT', 'SIDECAR', 'CHECK', 'ENVOY', 'IN MESH', 'ENFORCED', 'UPSTREAMS'];
  const rows = instances.map((instance) => [
    instance.id,
    instance.appPort === 0 ? '-' : String(instance.appPort),
    String(instance.sidecarPort ?? '-'),
    instance.check?.state ?? '-',
    envoyCell(instance),
    lapsed ? 'unknown' : (instance.inMesh ?? '-'),
    enforcedCell(instance),
    instance.upstreams.map(({ service, localPort }) => `${service}:${localPort}`).join(' ') || '-',
  ]);
  const why = instances.flatMap(({ id, now, envoy }) => {
    if (now.health !== 'passing' || doubtIn(now.output) !== undefined) return [`${id}: ${now.output}`];
    return envoy.problem === undefined ? [] : [`${id}: Envoy: ${envoy.problem}`];
  });
  const ended = instances.flatMap(({ id, envoy: { lastEnd } }) =>
    lastEnd === undefined ? [] : [`${id}: Envoy was started again, at ${lastEnd.at}: ${lastEnd.why}`],
  );
  const doors = instances.flatMap(({ id, door }) => (door?.note === undefined ? [] : [`${id}: door: ${door.note}`]));
  const variables = instances.flatMap(({ service, upstreams }) =>
    upstreams.flatMap(({ variable }) => (variable ? [`${service}: ${variable.name}=${variable.value}`] : [])),
  );
  return [
    ...lines,
    ...(rows.length === 0 ? ['no instances'] : ['', table(header, rows).trimEnd()]),
    ...why,
    ...ended,
    ...doors,
    ...variables,
    '',
  ].join('\n');
}

const namesLine = ({ address, known, problem }: NonNullable<AgentStatus['names']>): string =>
  `*.consul at ${address}, ${known} names known${problem === undefined ? '' : `; ${problem}`}`;

/** Whether only the sidecar can be reached from outside. */
function enforcedCell({ appPort, door }: InstanceStatus): string {
  if (appPort === 0 || door === undefined) return '-';
  if (door.mode === 'Strict' || door.closed) return door.closed ? 'yes' : door.note === undefined ? 'plaintext' : 'no';
  return door.mode === undefined ? '-' : 'permissive';
}

function envoyCell({ envoy: { state, version, restarts, connected } }: InstanceStatus): string {
  const alone = state === 'live' && !connected ? ', without Consul' : '';
  return `${state}${version === undefined ? '' : ` ${version}`}${alone}${restarts === 0 ? '' : `, ${restarts} restart${restarts === 1 ? '' : 's'}`}`;
}
