import type { Condition } from '../../crds/kubernetes.ts';
import type { Reason } from '../../crds/reasons.ts';
import { DOOR_META } from '../names/names.ts';

/** The doors of machines, as the registrations of one service tell of them. */
export interface MachineDoors {
  /** The first machines with an open port, as `site/host`: only as many as the condition names. */
  open: string[];
  /** The number of all machines with an open port. */
  openCount: number;
  /** The reason and the remedy at the first, in its machine's words. */
  words: string;
  /** Healthy instances whose machine has not reported its doors. */
  untold: number;
  /** The name of the first. */
  firstUntold: string;
}

export interface FoundDoor {
  service: { ID: string; Port?: number; Meta?: Record<string, string> };
  status: 'passing' | 'critical';
}

const NAMED = 5;
const CLOSED = new Set(['closed', 'plaintext']);

/** One look at each instance; `wordsOf` makes one short line. Undefined: none is on a machine, and takes calls. */
export function machineDoorsOf(
  found: readonly FoundDoor[],
  wordsOf: (output: string) => string,
): MachineDoors | undefined {
  const here = found.filter(({ service }) => service.Meta?.['platform'] === 'vm' && service.Port !== 0);
  if (here.length === 0) return undefined;
  const machines = new Map<string, string>();
  const untold: string[] = [];
  for (const { service, status } of here) {
    const { [DOOR_META]: door, site = '', node = '' } = service.Meta ?? {};
    if (door === undefined && status === 'passing') untold.push(service.ID);
    if (door === undefined || CLOSED.has(door) || machines.has(`${site}/${node}`)) continue;
    machines.set(`${site}/${node}`, door.replace(/^open: /, ''));
  }
  const [words = ''] = machines.values();
  return {
    open: [...machines.keys()].slice(0, NAMED),
    openCount: machines.size,
    words: machines.size === 0 ? '' : wordsOf(words),
    untold: untold.length,
    firstUntold: untold[0] ?? '',
  };
}

/** The part of Enforced about machines, under Strict. */
export function machinesVerdict(seen: MachineDoors): Pick<Condition, 'status' | 'message'> & { reason: Reason } {
  const { open, openCount, words, untold, firstUntold } = seen;
  if (openCount > 0) {
    const more = openCount > open.length ? ` and ${openCount - open.length} more` : '';
    const [whose, example] = openCount === 1 ? ['machine', ''] : ['machines', `, for example at ${open[0]}`];
    return {
      status: 'False',
      reason: 'MachineDoorOpen',
      message: `a port of the app is not closed on ${whose} ${open.join(', ')}${more}${example}: "${words}". There "landbridge vm status" says more`,
    };
  }
  if (untold > 0)
    return {
      status: 'Unknown',
      reason: 'MachineDoorUntold',
      message: `${untold === 1 ? firstUntold : `${untold} instances on machines, such as ${firstUntold},`} did not say yet whether the port of the app is closed. Where that stays, the bridge or the agent there is of an earlier version: upgrade it`,
    };
  return {
    status: 'True',
    reason: 'Enforced',
    message: 'The rules of every machine let nobody past the sidecars, by its own word.',
  };
}
