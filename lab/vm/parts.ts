import { ensurePart } from '../parts/ensure-part.ts';
import type { Progress } from '../progress/progress.ts';
import { ensureVmRoot } from './root.ts';
import type { VmParts } from './vm.ts';

/** The parts of VMs, from the cache; `bundle` is the path of the `landbridge` program, one ESM file. */
export async function ensureVmParts(bundle: string, progress: Progress): Promise<VmParts> {
  const [root, node, envoy] = await Promise.all([
    ensureVmRoot(progress),
    ensurePart('node', progress),
    ensurePart('envoy', progress),
  ]);
  return { root, node, envoy, bundle };
}
