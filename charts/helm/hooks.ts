import type { Target } from '../template/target.ts';

/** What only Helm runs: applied with the other manifests these would run at once. */
export function addHooks(target: Target): void {
  void target;
}
