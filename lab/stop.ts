import { cleanUp } from './clean-up.ts';
import type { Progress } from './progress/progress.ts';
import { step } from './progress/step.ts';

/** Takes the lab away and makes sure of it. Throws naming what is left. Parts and images stay in the cache. */
export async function stop(progress: Progress): Promise<void> {
  await step(progress, 'stop the lab', cleanUp);
  progress.say(
    'Nothing is left: no process, namespace, interface, mount, cgroup, firewall rule, or container. Logs are in .lab.',
  );
}
