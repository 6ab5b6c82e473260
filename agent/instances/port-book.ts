import { choosePort, isPortFree } from '../machine/ports.ts';
import { messageOf } from '../../base/problem.ts';
import type { Ports, State } from '../state/state.ts';

/** Which sidecar port belongs to which instance; kept on disk, so that a restart changes nothing for callers. */
export interface PortBook {
  /** A free port for the instance, the one it had if possible; undefined when none is free. `running`: by id. */
  choose(id: string, running: ReadonlyMap<string, { sidecarPort: number | undefined }>): Promise<number | undefined>;
}

/** As many as a machine may have instances. The instance that has not run for longest is forgotten first. */
const MAX_KEPT = 256;

/** `kept`: the ports on disk. `failed`: a choice could not be written down; it holds until the next restart. */
export function openPortBook(
  state: Pick<State, 'writePorts'>,
  kept: Ports,
  failed: (message: string) => void,
  isFree: (port: number) => Promise<boolean> = isPortFree,
): PortBook {
  let ports = kept;
  return {
    async choose(id, running) {
      const used = [...running].flatMap(([other, { sidecarPort }]) => (other === id ? [] : (sidecarPort ?? [])));
      const promised = Object.entries(ports).flatMap(([other, theirs]) => (other === id ? [] : theirs));
      const wish = (others: number[]) => ({ had: ports[id], others: new Set(others), isFree });
      const port = (await choosePort(wish([...used, ...promised]))) ?? (await choosePort(wish(used)));
      if (port === undefined || port === ports[id]) return port;
      const others = Object.entries(ports).filter(([other, theirs]) => other !== id && theirs !== port);
      ports = Object.fromEntries([...others, [id, port] as const].slice(-MAX_KEPT));
      await state.writePorts(ports).catch((error: unknown) => failed(messageOf(error)));
      return port;
    },
  };
}
