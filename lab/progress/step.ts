import type { Progress } from './progress.ts';

/** A piece of work with a name, shown with the time it took. */
export async function step<T>(progress: Progress, name: string, work: () => Promise<T>): Promise<T> {
  const task = progress.begin(name);
  try {
    const result = await work();
    task.done();
    return result;
  } catch (error) {
    task.failed('');
    throw error;
  }
}
