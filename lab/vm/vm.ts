import { join } from 'node:path';

import { diskDirectory } from '../paths.ts';

/** A real machine as far as software can tell: a booted Debian with systemd in a network namespace of its own. */
export interface Vm {
  /** `vm1`, `vm2`, `vm3`: its hostname. */
  name: string;
  /** On the lab network. */
  address: string;
  /** Its systemd, as seen from the host. Another one after `bootVm`. */
  pid: number;
  /** Path of its network namespace. */
  netns: string;
}

/** The parts of a VM: absolute paths on the host. */
export interface VmParts {
  /** The Debian all VMs share; never written to. */
  root: string;
  /** Node's executable: /usr/local/bin/node in the VM. */
  node: string;
  /** Envoy's executable: /usr/local/bin/envoy in the VM. */
  envoy: string;
  /** The `landbridge` program, one ESM file; copied onto the disk of each VM. */
  bundle: string;
}

/** Where a VM's link ends: what `LabNetwork` says about it. */
export interface VmNetwork {
  bridge: string;
  netns: string | undefined;
  gateway: string;
  prefixLength: number;
}

/** Everything needed to boot this VM, and to boot it again. */
export interface VmSpec {
  name: string;
  address: string;
  network: VmNetwork;
  parts: VmParts;
}

/** Where VM `name` keeps its disk and its console log. */
export function diskFolder(name: string): string {
  return join(diskDirectory, 'vm', name);
}

/** The name of a VM's network namespace; with `-br` after it, of its link's end at the bridge. */
export function netnsName(name: string): string {
  return `lb-${name}`;
}

export function netnsPath(name: string): string {
  return `/run/netns/${netnsName(name)}`;
}
