import { INSTALL_SCRIPT } from '../../mesh/outside/install-script.ts';
import type { Call } from '../api/call.ts';
import { Download } from '../api/download.ts';
import { installOf } from '../invites/install.ts';
import { Refusal } from '../refusal.ts';

/** The parts of the bridge that this touches. */
type Parts = 'advertise' | 'authority' | 'vmFiles';

/**
 * GET /v1/vm/:name: a file that a machine needs before it can prove anything, so anyone may have it. The files hold no secret. bridge/api/download.ts bounds their cost.
 */
export async function vmFile({ bridge, name }: Call<Parts>): Promise<Download> {
  if (name === INSTALL_SCRIPT) {
    const install = await installOf(bridge);
    if (install !== undefined) return new Download({ text: install.script });
  }
  const files = await bridge.vmFiles.list();
  const file = files.find((one) => one.name === name);
  if (file !== undefined) return new Download({ path: file.path, size: file.size });
  const here =
    files.length === 0 ? 'it serves none' : `it serves ${[INSTALL_SCRIPT, ...files.map((one) => one.name)].join(', ')}`;
  throw new Refusal('notFound', `the bridge has no file "${name}" for machines: ${here} (docs/vms.md)`);
}
