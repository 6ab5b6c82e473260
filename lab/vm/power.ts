import { setLink } from './link.ts';
import { boot } from './boot.ts';
import { isAlive } from '../host/process-id.ts';
import { forgetProcess } from '../host/state.ts';
import { killAtOnce } from './process.ts';
import { readRecord, vmOf, writeRecord } from './record.ts';
import { until } from './until.ts';
import type { Vm } from './vm.ts';

/**
 * A power cut: every process of the VM is gone at once without a signal, and no connection is closed.
 * The disk stays. Ends when all are gone.
 */
export async function cutPower({ name }: Pick<Vm, 'name'>): Promise<void> {
  const { running, ...spec } = await readRecord(name);
  if (running === undefined) return;
  const processes = [running.leader, running.supervisor];
  // The kernel ends a pid namespace with its first process, and that process is gone only after all the others.
  for (const id of processes) if (isAlive(id)) killAtOnce(id.pid);
  await until(`${name}: its power goes`, 20_000, async () => (processes.some(isAlive) ? undefined : true));
  forgetProcess(name);
  await writeRecord(spec);
}

/** Powers a VM on again after `cutPower`, with the disk it had. Its address and its routes are the same, its pid is not. */
export async function bootVm({ name }: Pick<Vm, 'name'>): Promise<Vm> {
  const record = await readRecord(name);
  if (record.running !== undefined) {
    if (isAlive(record.running.leader)) return vmOf(record);
    await cutPower({ name });
  }
  return vmOf(await boot(record));
}

/** Pulls the network cable: no packet passes, and no connection is closed. */
export async function cutNetwork({ name }: Pick<Vm, 'name'>): Promise<void> {
  await setLink(name, (await readRecord(name)).network, 'down');
}

/** Plugs the cable in again; address and routes are as before. */
export async function restoreNetwork({ name }: Pick<Vm, 'name'>): Promise<void> {
  await setLink(name, (await readRecord(name)).network, 'up');
}
