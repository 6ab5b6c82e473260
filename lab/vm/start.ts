import type { LabNetwork } from '../network/network.ts';
import type { Progress } from '../progress/progress.ts';
import { boot } from './boot.ts';
import { makeDisk } from './disk.ts';
import { connect } from './link.ts';
import { isAlive } from '../host/process-id.ts';
import { findRecord, namesInRecords, readRecord, vmOf, writeRecord } from './record.ts';
import { stopVm } from './stop.ts';
import type { Vm, VmParts, VmSpec } from './vm.ts';

/** Boots `vm1`, `vm2` and `vm3` side by side, each with an empty disk. One that runs already is left as it is. */
export async function startVms(network: LabNetwork, parts: VmParts, progress: Progress): Promise<Vm[]> {
  const task = progress.begin('VMs');
  const { bridge, netns, gateway, prefixLength } = network;
  const specs = ([1, 2, 3] as const).map((n) => ({
    name: `vm${n}`,
    address: network.vmAddress(n),
    network: { bridge, netns, gateway, prefixLength },
    parts,
  }));
  const started = await Promise.allSettled(specs.map(startVm));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    task.failed((failed.reason as Error).message);
    throw failed.reason;
  }
  task.done(specs.map(({ name, address }) => `${name} ${address}`).join(', '));
  return started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

/** One VM. Leftovers of an earlier start are removed first. When the VM does not come up all of it is removed. */
export async function startVm(spec: VmSpec): Promise<Vm> {
  const before = await findRecord(spec.name);
  if (before?.running !== undefined && isAlive(before.running.leader)) return vmOf(before);
  await stopVm(spec.name);
  await writeRecord(spec);
  try {
    await Promise.all([makeDisk(spec), connect(spec.name, spec.address, spec.network)]);
    return vmOf(await boot(spec));
  } catch (error) {
    await stopVm(spec.name);
    throw error;
  }
}

/** All VMs that are powered on. */
export async function findVms(): Promise<Vm[]> {
  const records = await Promise.all((await namesInRecords()).sort().map(readRecord));
  return records.filter(({ running }) => running !== undefined && isAlive(running.leader)).map(vmOf);
}
