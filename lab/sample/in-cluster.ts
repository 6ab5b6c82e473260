import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../cluster.ts';
import { repositoryRoot } from '../paths.ts';

export const SAMPLE_NAMESPACE = 'shop';
const manifests = join(repositoryRoot, 'services', 'manifests');

/** `kubectl apply` of the sample: its namespace, then its MeshServices and Deployments. */
export async function applySample(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', join(manifests, 'namespace.yaml')]);
  const files = readdirSync(manifests).filter((file) => file.endsWith('.yaml') && file !== 'namespace.yaml');
  const documents = files.flatMap((file) => readFileSync(join(manifests, file), 'utf8').split(/^---$/m));
  // MeshServices first: a pod that is made before its MeshService is known gets no sidecar.
  const meshServices = documents.filter((text) => /^kind: MeshService$/m.test(text));
  const workloads = documents.filter((text) => !/^kind: MeshService$/m.test(text));
  for (const part of [meshServices, workloads]) {
    await cluster.kubectl(['apply', '-f', '-'], { input: part.join('---\n') });
  }
}

/** Waits until every Deployment of the sample is rolled out. */
export async function waitForSample(cluster: Cluster): Promise<void> {
  const inNamespace = ['--namespace', SAMPLE_NAMESPACE];
  const names = (await cluster.kubectl(['get', 'deployments', ...inNamespace, '-o', 'name'])).split('\n');
  for (const name of names) await cluster.kubectl(['rollout', 'status', name, ...inNamespace, '--timeout=180s']);
}
