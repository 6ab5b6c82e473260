import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../../clients/kube/object.ts';
import { type Resource, customResourceDefinitions, meshServices, namespaces } from '../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../crds/custom-resource-definition.ts';
import { configureAcl } from '../../operator/bootstrap/configure-acl.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { RealConsul } from '../../test/support/real/consul.ts';
import type { RealKube } from '../../test/support/real/kube.ts';

export const NAMESPACE = 'shop';
export const CLUSTER = 'lab';

/** As the ServiceAccount of the chart: the API server's fairness counts it, which it does not do for system:masters. */
const OPERATOR_USER = 'system:serviceaccount:landbridge:landbridge-operator';

const clusterRoleBindings: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
};

export interface Installation {
  /** Path of the kubeconfig of the operator. */
  kubeconfig: string;
  /** The folder that is mounted at /etc/landbridge/operator. The caller removes it. */
  secrets: string;
}

/** What `landbridge bootstrap` and the chart leave behind: ACLs, the operator's secrets, the CRD, two namespaces. */
export async function install(kube: RealKube, consul: RealConsul, consulCas: string[]): Promise<Installation> {
  const holder = () => ({ accessorId: randomUUID(), token: randomUUID(), signingKeyPem: newSigningKey() });
  const operator = holder();
  const admin = consul.connect();
  await configureAcl(admin.acl, { cluster: CLUSTER, tokenTtl: '1h' }, { server: holder(), operator, bridge: holder() });
  admin.close();

  const secrets = await mkdtemp(join(tmpdir(), 'landbridge-bench-'));
  const files = {
    'consul-token': operator.token,
    'consul-ca.crt': consulCas.join('\n'),
    'signing.key': operator.signingKeyPem,
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(secrets, name), text, { mode: 0o600 })));

  const { client } = kube;
  await client.create(namespaces, { metadata: { name: 'landbridge' } });
  await client.create(namespaces, { metadata: { name: NAMESPACE, labels: { 'landbridge.dev/mesh': 'enabled' } } });
  await client.create(clusterRoleBindings, {
    metadata: { name: 'landbridge-operator' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'User', name: OPERATOR_USER }],
  } as KubeObject);
  await client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
  await eventually('the kind is served', 20_000, async () => (await client.list(meshServices)) !== undefined);
  return { kubeconfig: await kube.kubeconfigFor({ user: OPERATOR_USER, groups: ['system:serviceaccounts'] }), secrets };
}

const newSigningKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
