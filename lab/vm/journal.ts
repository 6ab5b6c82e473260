import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { vmExec } from './exec.ts';
import type { Vm } from './vm.ts';

/** Writes the log of each VM to `folder`/NAME.log, to be read after the VMs are gone. A VM that is off is left out. */
export async function saveJournals(vms: readonly Vm[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all(
    vms.map(async (vm) => {
      const journal = vmExec(vm, ['journalctl', '--no-pager', '--output=short-iso-precise'], { timeoutMs: 10_000 });
      const { stdout } = await journal.catch(() => ({ stdout: undefined }));
      if (stdout !== undefined) await writeFile(join(folder, `${vm.name}.log`), stdout);
    }),
  );
}
