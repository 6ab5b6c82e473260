import { bundlePath } from '../../build/build.ts';
import { type RunOptions, run } from '../host/exec.ts';
import { kubeconfigFile } from '../paths.ts';

/** Runs the `landbridge` program on the host, as a platform engineer does. Throws CommandFailed with what it said. */
export async function landbridge(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const env = { KUBECONFIG: kubeconfigFile, ...options.env };
  return (await run(process.execPath, [bundlePath, ...args], { timeoutMs: 60_000, ...options, env })).stdout.trim();
}
