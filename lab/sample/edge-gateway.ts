import { readFileSync } from 'node:fs';
import { table } from '../../cli/table.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { edgeCaFile } from '../paths.ts';
import { type Edge, compute, urlOf } from './chain.ts';
import { firstClick } from './click.ts';
import { PLAIN_HOST, SECURE_HOST } from './edge-secret.ts';

/** The chart's defaults. */
const HTTP_NODE_PORT = 30_800;
const HTTPS_NODE_PORT = 30_843;
const CLICKS = 5;

/** Where the edge gateway answers, from the host and from VMs: at every node. */
export async function gatewayAddresses(cluster: Cluster): Promise<string[]> {
  return (await cluster.nodes()).map(({ address }) => `${address}:${HTTP_NODE_PORT}`);
}

export interface Door extends Edge {
  what: string;
  name: string;
}

/** Every way in that there is by the edge gateway. `nginx` is the sample's own door, on a VM. */
export async function edgeDoors(cluster: Cluster, nginx: Edge): Promise<Door[]> {
  const nodes = await cluster.nodes();
  const caPem = readFileSync(edgeCaFile, 'utf8');
  return [
    ...nodes.map(({ name, address }) => ({
      what: `NodePort of ${name}`,
      ...{ host: address, port: HTTP_NODE_PORT, name: PLAIN_HOST },
    })),
    { what: `NodePort, HTTPS`, host: nodes[0]!.address, port: HTTPS_NODE_PORT, name: SECURE_HOST, caPem },
    { what: 'nginx on a VM before it', host: nginx.host, port: nginx.port, name: PLAIN_HOST },
  ];
}

/** `npm run edge`: clicks at each door, and the hops that served the last. Throws when one does not answer 9. */
export async function throughDoors(doors: Door[], say: (text: string) => void): Promise<void> {
  const rows = await Promise.all(
    doors.map(async (door) => {
      let answer = await firstClick(door, 30_000);
      const ms: number[] = [];
      for (let n = 0; n < CLICKS; n++) {
        answer = await compute(door);
        ms.push(answer.ms);
      }
      const hops = answer.hops.map(({ service, platform }) => `${service} (${platform})`);
      const median = ms.sort((a, b) => a - b)[Math.floor(CLICKS / 2)]!;
      return [door.what, urlOf(door), door.name, `${answer.body.result}`, `${Math.round(median)} ms`, hops.join(' > ')];
    }),
  );
  say(table(['DOOR', 'AT', 'HOST', 'RESULT', 'MEDIAN', 'HOPS'], rows));
}
