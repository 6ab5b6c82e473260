import { Problem } from '../../base/problem.ts';

interface Named {
  id: string;
  service: string;
  appPort: number;
}

/** The instances that a word of the user means: `all`, an instance's id, SERVICE or SERVICE:PORT. Throws a Problem. */
export function matchTarget<T extends Named>(instances: T[], target: string): T[] {
  const found = instances.filter(
    ({ id, service, appPort }) => target === 'all' || [id, service, `${service}:${appPort}`].includes(target),
  );
  if (found.length > 0 || target === 'all') return found;
  const here = instances.map(({ service, appPort }) => `${service}:${appPort}`).join(', ') || 'none';
  throw new Problem(`No instance on this machine is called ${target}. There are: ${here}.`);
}
