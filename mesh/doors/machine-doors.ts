import type { MutualTLS } from '../../crds/doors.ts';

/** The wish of a MeshService for its instances on machines. */
export interface PlannedDoors {
  mode: MutualTLS;
  /** Ports that stay open under Strict. */
  plaintextPorts: number[];
}

export interface DoorOf {
  id: string;
  service: string;
  /** 0: it only calls others. */
  appPort: number;
}

export interface WantedDoors {
  /** Ports to close, and ports to open, in order. Any other port stays as it is. */
  close: number[];
  open: number[];
  /** Why a port of a Strict instance is not to be closed, by port. */
  shared: Map<number, string>;
}

/**
 * The app ports that MeshServices want closed or open. Absence says nothing: while nobody knows what a MeshService says (an earlier
 * bridge, a plan that was lost) a port stays as it is. A port that two services share is open when one of them wants it open.
 */
export function wantedDoors(
  instances: readonly DoorOf[],
  plans: readonly { service: string; doors?: PlannedDoors }[],
): WantedDoors {
  const planned = new Map(plans.map(({ service, doors }) => [service, doors]));
  const openers = new Map<number, string>();
  const closers = new Map<number, string>();
  for (const { service, appPort } of instances) {
    const doors = planned.get(service);
    if (appPort === 0 || doors === undefined) continue;
    (closes(doors, appPort) ? closers : openers).set(appPort, service);
  }
  const both = [...closers].filter(([port]) => openers.has(port));
  const shared = both.map(([port, service]): [number, string] => [
    port,
    `port ${port} stays open, because ${openers.get(port)} has it too, and wants it open: set both to the same spec.mutualTLS (${service} is Strict)`,
  ]);
  return {
    close: [...closers.keys()].filter((port) => !openers.has(port)).sort((a, b) => a - b),
    open: [...openers.keys()].sort((a, b) => a - b),
    shared: new Map(shared),
  };
}

const closes = ({ mode, plaintextPorts }: PlannedDoors, port: number): boolean =>
  mode === 'Strict' && !plaintextPorts.includes(port);

/** The state of one instance's door, by its machine. */
export interface DoorReport {
  /** Addresses beyond loopback on which the app listens, `address:port`. */
  listens: string[];
  /** Its check passes, and nothing listens here: the app is in a network of its own, into which this machine does not see. */
  unseen?: boolean | undefined;
  /** The rules are in force for its port: tried. */
  closed: boolean;
  /** Why they are not, one sentence. */
  problem?: string | undefined;
  /** Some of the addresses that hold a connection to the app's port now, without the machine's own. */
  callers: string[];
}

/** Consul takes 512. */
const MAX_MARK = 300;

/**
 * The mark of an instance. `before`: the one in the catalog, which stays while nobody knows better: a bridge that has just started waits up to a minute
 * for the report of a machine.
 */
export function doorMark(
  doors: PlannedDoors | undefined,
  port: number,
  report: DoorReport | undefined,
  before: string | undefined,
): string | undefined {
  if (port === 0 || doors?.mode === 'Permissive') return undefined;
  if (doors === undefined) return before;
  if (doors.plaintextPorts.includes(port)) return 'plaintext';
  if (report === undefined) return before;
  return report.closed ? 'closed' : `open: ${report.problem ?? NOT_YET}`.slice(0, MAX_MARK);
}

const NOT_YET = 'the rules are not in force yet';

/** A sentence for people about the door of one instance; undefined: it is as its MeshService wants it. */
export function doorNote(doors: PlannedDoors | undefined, port: number, report: DoorReport): string | undefined {
  const { listens, unseen, closed, problem, callers } = report;
  if (port === 0) return undefined;
  const calls = callers.length === 0 ? '' : `; connected now without the mesh: ${callers.join(', ')}`;
  const where =
    listens.length > 0
      ? `it listens on ${listens.join(', ')}`
      : unseen
        ? 'where it listens is not seen from here (a container, for example)'
        : undefined;
  if (doors?.mode === 'Strict' && doors.plaintextPorts.includes(port)) return undefined;
  if (doors?.mode === 'Strict' && !closed)
    return `port ${port} is not closed: ${problem ?? NOT_YET}${where === undefined ? '' : `; ${where}`}${calls}`;
  if (closed) return callers.length === 0 ? undefined : `port ${port} is closed, but older connections go on${calls}`;
  if (where === undefined) return undefined;
  return `${where}, so everybody who reaches this machine calls it past spec.access${calls}`;
}
