import { cleanUp } from './clean-up.ts';
import type { Progress } from './progress.ts';

/** Takes the lab away and makes sure of it. Throws naming what is left. Parts stay in the cache. */
export async function stop(progress: Progress): Promise<void> {
  const task = progress.begin('stop the lab');
  const left = await cleanUp().catch((error: unknown) => {
    task.failed('');
    throw error;
  });
  if (left.length > 0) {
    task.failed('not everything is gone');
    throw new Error(`left on this machine:\n${left.map(({ kind, name }) => `  ${kind} ${name}`).join('\n')}`);
  }
  task.done('nothing is left: no process, namespace, interface, mount, cgroup, firewall rule, container or file');
}
