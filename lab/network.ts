import type { Engine } from './engine.ts';

/** The one network on which the cluster's nodes, the VMs and (with a private engine) the host stand. */
export interface LabNetwork {
  /** Name of the bridge, `lb-br0`. VM veths are enslaved to it. */
  bridge: string;
  /** Path of the network namespace the bridge is in; undefined = the host's. */
  netns: string | undefined;
  /** Where nodes and VMs send what is not on the subnet, 10.89.0.1. */
  gateway: string;
  /** 10.89.0.0/24 unless LANDBRIDGE_LAB_SUBNET says otherwise. */
  subnet: string;
  prefixLength: number;
  /** The address by which nodes and VMs reach the host. */
  hostAddress: string;
  vmAddress(n: 1 | 2 | 3): string;
}

export async function startNetwork(_engine: Engine): Promise<LabNetwork> {
  throw new Error('not here yet');
}
