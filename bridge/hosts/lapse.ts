import type { Host } from './hosts.ts';
import type { NodeWriter } from '../node-writer.ts';
import { lapsedNode, leaseLostOutput } from './vm-node.ts';

/** Makes the instances of a host critical once its lease has lapsed. Only the active bridge does so, and a host that beats meanwhile stays up. */
export function lapseHosts({
  writer,
  leaseMs,
  holds,
}: {
  writer: Pick<NodeWriter, 'wanted' | 'want'>;
  leaseMs: number;
  /** Asks Consul; never throws. */
  holds: () => Promise<boolean>;
}): (host: Host) => Promise<void> {
  return async (host) => {
    const held = await holds();
    const node = writer.wanted(host.node);
    // Heard while Consul was asked: its beat has the last word.
    if (!held || !host.lease.down || node === undefined) return;
    await writer.want(host.node, host.owner, lapsedNode(node, leaseLostOutput(host.host, leaseMs)));
  };
}
