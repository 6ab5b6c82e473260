import { MACHINE_SIDECAR_RANGE, isMachineSidecar } from '../names/sidecar-ports.ts';

export interface ClosableInput {
  /** Ports that the agent asks to close. Its user may be anybody's by now: nothing is believed but the numbers. */
  asked: readonly number[];
  /** App ports of the instances that root let join. Nothing else is ever closed. */
  joined: ReadonlySet<number>;
  /** Ports on which people log in to the machine. */
  logins: ReadonlySet<number>;
  /** Other ports of the agent. */
  own: ReadonlySet<number>;
}

interface RefusedPort {
  port: number;
  /** One sentence: why it stays open, and what to do. */
  why: string;
}

export interface Closable {
  /** In order, each once. */
  closed: number[];
  refused: RefusedPort[];
}

/** Chooses the ports that root closes. No word of a MeshService or of the agent's user may lock people out of a machine. */
export function closablePorts({ asked, joined, logins, own }: ClosableInput): Closable {
  const ports = [...new Set(asked)].sort((a, b) => a - b);
  const refused = ports.flatMap((port) => {
    const why = refusalOf(port, joined, logins, own);
    return why === undefined ? [] : [{ port, why }];
  });
  const open = new Set(refused.map(({ port }) => port));
  return { closed: ports.filter((port) => !open.has(port)), refused };
}

function refusalOf(
  port: number,
  joined: ReadonlySet<number>,
  logins: ReadonlySet<number>,
  own: ReadonlySet<number>,
): string | undefined {
  const instead = 'let the app listen on 127.0.0.1 and another port, or name the port in spec.plaintextPorts';
  if (logins.has(port)) return `port ${port} is never closed, because people log in to this machine there: ${instead}`;
  if (isMachineSidecar(port))
    return `port ${port} is never closed, because ${MACHINE_SIDECAR_RANGE} are for sidecars, which others must reach: ${instead}`;
  if (own.has(port)) return `port ${port} is never closed, because the agent itself uses it: ${instead}`;
  if (!joined.has(port))
    return `port ${port} is no app port of an instance in services.d, so it is not closed: let root write the instance there (landbridge vm join)`;
  return undefined;
}
