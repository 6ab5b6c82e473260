import type { KubeClient } from '../../clients/kube/client.ts';
import { systemClock } from '../../base/clock.ts';
import { discoverer } from '../../clients/kube/discover.ts';
import { disableDns } from '../dns/disable-dns.ts';
import { deleteObject } from './delete-object.ts';
import { releaseMeshServices, removeMeshServices } from './remove-mesh-services.ts';
import { madeLater } from './residue.ts';
import { nameOf } from './step.ts';

const PATIENCE_MS = 60_000;

/** While the operator still runs: it takes out of Consul what belongs to the MeshServices that are deleted here. */
export async function cleanUpBefore(
  kube: KubeClient,
  say: (line: string) => void,
  { keepCrds = false, patienceMs = PATIENCE_MS } = {},
): Promise<void> {
  say(await disableDns(kube));
  if (keepCrds) return say('MeshServices are kept');
  const left = await removeMeshServices(kube, patienceMs, systemClock);
  say(left.length === 0 ? 'MeshServices are gone' : `no operator let go of ${left.map(nameOf).join(', ')}`);
}

/** Once it is gone: lets MeshServices go that nobody would ever let go, and deletes what processes made. */
export async function cleanUpAfter(
  kube: KubeClient,
  say: (line: string) => void,
  inConsul: () => Promise<void>,
): Promise<void> {
  say(`${await releaseMeshServices(kube)} MeshServices were let go`);
  await inConsul();
  const discover = discoverer(kube);
  for (const object of await madeLater(kube, discover)) {
    await deleteObject(kube, discover, object);
    say(`deleted ${nameOf(object)}`);
  }
}
