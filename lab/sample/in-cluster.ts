import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { Cluster } from '../cluster/cluster.ts';
import { repositoryRoot } from '../paths.ts';
import { until } from '../vm/until.ts';
import { keepEdgeSecret } from './edge-secret.ts';

export const SAMPLE_NAMESPACE = 'shop';
const manifests = join(repositoryRoot, 'services', 'manifests');

/** `kubectl apply` of the sample: its namespace, then its MeshServices and Deployments. */
export async function applySample(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', join(manifests, 'namespace.yaml')]);
  await keepEdgeSecret(cluster, SAMPLE_NAMESPACE);
  const files = readdirSync(manifests).filter((file) => file.endsWith('.yaml') && file !== 'namespace.yaml');
  const documents = files.flatMap((file) => readFileSync(join(manifests, file), 'utf8').split(/^---$/m));
  // MeshServices first: a pod that is made before every replica of the webhook knows its MeshService gets no sidecar.
  const meshServices = documents.filter((text) => /^kind: MeshService$/m.test(text));
  const workloads = documents.filter((text) => !/^kind: MeshService$/m.test(text));
  await apply(cluster, meshServices);
  const ofPods = meshServices.filter((text) => /^\s+pods:/m.test(text)).map(nameOf);
  for (const name of ofPods) {
    const seen = ['wait', `secret/${name}-landbridge`, '--for=create', '--timeout=60s'];
    await cluster.kubectl([...seen, '--namespace', SAMPLE_NAMESPACE]);
  }
  await until('every replica of the webhook injects', 60_000, () => injectsInARow(cluster, 5));
  await apply(cluster, workloads);
}

const apply = (cluster: Cluster, documents: string[]): Promise<string> =>
  cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });

const nameOf = (text: string): string => (load(text) as { metadata: { name: string } }).metadata.name;

/** Admissions go to any replica, and one whose watch lags would let a pod in as it is: one answer says little. */
async function injectsInARow(cluster: Cluster, times: number): Promise<true | undefined> {
  const input = JSON.stringify(probe);
  for (let n = 0; n < times; n++) {
    const asked = cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], { input });
    // Without its certificate known yet, the webhook refuses.
    const pod = (await asked.then(JSON.parse, () => undefined)) as
      { spec: { initContainers?: { name: string }[] } } | undefined;
    if (!pod?.spec.initContainers?.some(({ name }) => name === 'landbridge-sidecar')) return undefined;
  }
  return true;
}

/** Selected by the sample's MeshService frontend; only ever dry-run. Its container has what the restricted standard asks for. */
const probe = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'injection-probe', namespace: SAMPLE_NAMESPACE, labels: { app: 'frontend' } },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'app',
        image: 'landbridge-sample/frontend:dev',
        ports: [{ name: 'http', containerPort: 8080 }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
};

/** Waits until every Deployment of the sample is rolled out. */
export async function waitForSample(cluster: Cluster): Promise<void> {
  const inNamespace = ['--namespace', SAMPLE_NAMESPACE];
  const names = (await cluster.kubectl(['get', 'deployments', ...inNamespace, '-o', 'name'])).split('\n');
  for (const name of names) await cluster.kubectl(['rollout', 'status', name, ...inNamespace, '--timeout=180s']);
}
