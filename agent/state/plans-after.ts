import type { BeatAnswer } from '../../mesh/outside/bridge-api.ts';

type Plan = BeatAnswer['services'][number];

/**
 * The plans after an answer of the bridge. A service of this machine that it neither plans nor refuses has lost its
 * MeshService: it goes on with the plan that it had.
 */
export function plansAfter(
  before: Plan[],
  { services, refused }: Pick<BeatAnswer, 'services' | 'refused'>,
  instances: { service: string }[],
): Plan[] {
  const spoken = new Set([...services, ...refused].map(({ service }) => service));
  const here = new Set(instances.map(({ service }) => service));
  return [...services, ...before.filter(({ service }) => here.has(service) && !spoken.has(service))];
}
