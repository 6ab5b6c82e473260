import type { InstanceRow, InstancesAnswer } from '../../mesh/outside/bridge-api.ts';
import { doubtIn } from '../../mesh/outside/call-doubt.ts';
import { type Check, type Verdict, ok, warning } from './check.ts';
import { leaseMsOf } from './look.ts';

export const machineChecks: Check[] = [
  {
    name: 'every machine outside the cluster is heard of and healthy',
    hint: 'machines-in-doubt',
    async run(look) {
      const answer = await look.instances();
      return answer === undefined ? ok('not installed') : machinesVerdict(answer, await leaseMsOf(look));
    },
  },
  {
    name: 'apps on machines are reached by their sidecars alone',
    hint: 'a-port-of-a-machine-is-not-closed',
    async run(look) {
      const answer = await look.instances();
      return answer === undefined ? ok('not installed') : doorsOfMachines(answer);
    },
  },
];

/** As far as machines tell: an agent of an earlier version says nothing of its doors. */
export function doorsOfMachines({ instances }: Pick<InstancesAnswer, 'instances'>): Verdict {
  const open = instances.flatMap(({ id, host, door }) => (door === undefined ? [] : [`${id} on ${host} (${door})`]));
  return open.length === 0 ? ok() : warning(open.join('; '));
}

/** In doubt is what has missed a beat (three fit in a lease), is critical, cannot be called, or is kept up by the brake alone. */
export function machinesVerdict({ instances, brakes, notAdmitted }: InstancesAnswer, leaseMs: number): Verdict {
  const braked = brakes.map(({ site, held }) => `site ${site}: the mass-loss brake keeps ${held.join(', ')} up`);
  const doubtful = instances.flatMap((row) => {
    const why = doubtOf(row, leaseMs);
    return why === undefined ? [] : [`${row.id} on ${row.host} (${why})`];
  });
  const all = [...braked, ...doubtful, ...(notAdmitted ?? []).map(keptOut)];
  return all.length === 0 ? ok(`${instances.length} instances`) : warning(all.join('; '));
}

export const keptOut = ({ host, service, message }: NonNullable<InstancesAnswer['notAdmitted']>[number]): string =>
  `${host} has joined ${service} and is kept out: ${message}`;

function doubtOf({ health, output, silentMs, note }: InstanceRow, leaseMs: number): string | undefined {
  if (health === 'critical') return [output.split('\n')[0] || 'critical', note ?? []].flat().join('; ');
  if (silentMs !== undefined && silentMs > (leaseMs * 2) / 3) return `silent for ${(silentMs / 1000).toFixed(1)} s`;
  const doubt = doubtIn(output);
  if (doubt === undefined) return note;
  return `calls may fail: ${note?.includes(doubt) ? note : [doubt, note ?? []].flat().join('; ')}`;
}
