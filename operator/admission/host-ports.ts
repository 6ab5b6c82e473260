import type { Pod } from '../../crds/kubernetes.ts';
import { chooseHostPort } from '../../mesh/traffic/host-port.ts';
import type { World } from '../world/world.ts';

/** A pod that was admitted and is not seen within this was never made. */
const SEEN_WITHIN_MS = 30_000;

/** Chooses ports of nodes for pods, none that another pod of the cluster has, or was given a moment ago, or that the pod itself takes. */
export function rememberedHostPorts(
  { pods }: Pick<World, 'pods'>,
  random: () => number,
  nowMs: () => number,
): (pod?: Pod) => number {
  /** Port -> until when it counts as taken. */
  const given = new Map<number, number>();
  return (pod) => {
    const own = (pod?.spec.containers ?? []).flatMap(({ ports = [] }) =>
      ports.flatMap(({ hostPort }) => hostPort ?? []),
    );
    const now = nowMs();
    for (const [port, untilMs] of given) if (untilMs < now) given.delete(port);
    const port = chooseHostPort(new Set([...pods.list().flatMap(portOf), ...given.keys(), ...own]), random);
    given.set(port, now + SEEN_WITHIN_MS);
    return port;
  };
}

const portOf = ({ hostPort, finished }: { hostPort: number | undefined; finished: boolean }): number[] =>
  hostPort === undefined || finished ? [] : [hostPort];
