import { connectKube } from '../../../clients/kube/client.ts';
import { objectPath, pods } from '../../../clients/kube/resources.ts';
import type { RunningLab } from '../../../lab/running.ts';
import { SAMPLE_NAMESPACE } from '../../../lab/sample/in-cluster.ts';
import { eventually } from '../eventually.ts';
import { type LabServer, labServer } from '../rigs/lab-consul.ts';
import { podThatServes } from '../kube/pods.ts';

const NAME = 'flipper';
const GATE = 'landbridge.dev/test-flip';
const inShop = ['--namespace', SAMPLE_NAMESPACE];

interface Flip {
  ready: boolean;
  /** From the change of the pod until any Consul server tells of it. */
  ms: number;
}

export interface Flipper {
  /** Flips the pod's readiness again and again while `story` runs, and at least twice. */
  during(story: () => Promise<unknown>): Promise<Flip[]>;
  remove(): Promise<void>;
}

/** A flip that takes longer is a failure of its own, and not a figure. */
const LOST_MS = 60_000;
const PAUSE_MS = 500;

/** A pod of the mesh whose kubelet finds it ready when we say so. */
export async function makeFlipper(lab: RunningLab): Promise<Flipper> {
  const kube = connectKube({ kubeconfig: lab.cluster.kubeconfig });
  const pod = podThatServes(NAME);
  const meshService = {
    apiVersion: 'landbridge.dev/v1alpha1',
    kind: 'MeshService',
    metadata: { name: NAME, namespace: SAMPLE_NAMESPACE },
    spec: { protocol: 'tcp', port: 8080, workloads: { pods: { selector: { matchLabels: { app: NAME } } } } },
  };
  const apply = (object: object): Promise<string> =>
    lab.cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  await apply(meshService);
  await lab.cluster.kubectl(['wait', `secret/${NAME}-landbridge`, ...inShop, '--for=create', '--timeout=30s']);
  await apply({ ...pod, spec: { ...pod.spec, readinessGates: [{ conditionType: GATE }] } });
  await lab.cluster.kubectl(['wait', `pod/${NAME}`, ...inShop, '--for=condition=ContainersReady', '--timeout=60s']);

  // A late answer of the flip before can overlap with the next flip, so a server is opened once for both.
  const servers = new Map<number, Promise<LabServer>>();
  const opened = (ordinal: number): Promise<LabServer> => {
    const server = servers.get(ordinal) ?? labServer(lab, ordinal);
    servers.set(ordinal, server);
    return server;
  };
  const forget = async (ordinal: number, opening: Promise<LabServer>): Promise<void> => {
    if (servers.get(ordinal) === opening) servers.delete(ordinal);
    (await opening.catch(() => undefined))?.close();
  };
  const says = async (ordinal: number, ready: boolean): Promise<boolean> => {
    const opening = opened(ordinal);
    try {
      const [instance] = await (await opening).consul.health(NAME);
      return instance !== undefined && (instance.status === 'passing') === ready;
    } catch (error) {
      await forget(ordinal, opening);
      throw error;
    }
  };
  /** The first of the servers that says so is enough: each may be the one that is gone, or hang. */
  const heard = async (ready: boolean): Promise<void> => {
    let over = false;
    const what = `Consul hears that the pod is ${ready ? 'ready' : 'not ready'}`;
    const asked = [0, 1, 2].map((ordinal) =>
      eventually(what, LOST_MS, async () => over || (await says(ordinal, ready)), 50),
    );
    await Promise.any(asked)
      .catch((error: AggregateError) => Promise.reject(error.errors[0] as Error))
      .finally(() => (over = true));
  };
  const flip = async (ready: boolean): Promise<Flip> => {
    const began = performance.now();
    await kube.request('PATCH', objectPath(pods, NAME, SAMPLE_NAMESPACE, 'status'), {
      contentType: 'application/strategic-merge-patch+json',
      body: { status: { conditions: [{ type: GATE, status: ready ? 'True' : 'False' }] } },
    });
    await heard(ready);
    return { ready, ms: performance.now() - began };
  };
  await flip(true);

  return {
    async during(story) {
      const flips: Flip[] = [];
      let over = false;
      const told = story().finally(() => (over = true));
      // A story that fails ends the flips; its own error is the one to tell.
      const flipping = (async () => {
        while (!over || flips.length < 2 || !flips.at(-1)!.ready) {
          flips.push(await flip(!(flips.at(-1)?.ready ?? true)));
          await new Promise((next) => setTimeout(next, PAUSE_MS));
        }
      })();
      await Promise.all([told, flipping]);
      return flips;
    },
    async remove() {
      await Promise.all([...servers].map(([ordinal, opening]) => forget(ordinal, opening)));
      const objects = [`pod/${NAME}`, `meshservice/${NAME}`];
      await lab.cluster.kubectl([
        'delete',
        ...objects,
        ...inShop,
        '--ignore-not-found',
        '--wait=true',
        '--timeout=60s',
      ]);
    },
  };
}
