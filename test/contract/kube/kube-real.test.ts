import { expect } from 'chai';
import type { KubeError } from '../../../clients/kube/errors.ts';
import { reflect } from '../../../clients/kube/watching/reflect.ts';
import { configMaps } from '../../../clients/kube/resources.ts';
import { startApiServer, type RealKube } from '../../support/real/kube.ts';
import { configMap, failureOf } from './kube-scene.ts';
import { until } from './kube-watch.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const role = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'roles', kind: 'Role', namespaced: true };
const binding = { ...role, plural: 'rolebindings', kind: 'RoleBinding' };

describe('real API server', function () {
  this.timeout(90_000);
  let server: RealKube;

  before(async () => (server = await startApiServer()));
  after(() => server?.stop());

  it('lets somebody do what their role says and nothing else', async () => {
    const reader = await server.clientFor({ user: 'reader', groups: ['readers', 'others'] });
    expect(await failureOf(reader.list(configMaps, { namespace: 'default' }))).to.include({ code: 403, kind: 'fix' });
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }];
    const metadata = { name: 'readers', namespace: 'default' };
    await server.client.create(role, { metadata, rules });
    const group = { kind: 'Group', name: 'others', apiGroup: role.group };
    await server.client.create(binding, {
      metadata,
      subjects: [group],
      roleRef: { apiGroup: role.group, kind: 'Role', name: 'readers' },
    });
    await until('the role is in force', () =>
      reader.list(configMaps, { namespace: 'default' }).then(
        () => true,
        () => false,
      ),
    );
    const refused: KubeError = await failureOf(reader.create(configMaps, configMap('a', 'default')));
    expect(refused.message).to.contain('User "reader" cannot create resource "configmaps"');
  });

  it('is noticed when it freezes with its connections open, and followed again when it goes on', async () => {
    const stop = new AbortController();
    const reflector = reflect(server.client, configMaps, {
      namespace: 'default',
      trim: (object) => object.metadata.resourceVersion,
      signal: stop.signal,
      log: silent,
      idleTimeoutMs: 2000,
    });
    await reflector.synced();
    server.pause();
    await until('it is noticed', () => reflector.lastError !== undefined, 10_000);
    expect(reflector.lastError).to.include({ reason: 'Timeout' });
    server.resume();
    await server.client.create(configMaps, configMap('after', 'default'));
    await until('the mirror has caught up', () => reflector.get('default/after'), 20_000);
    stop.abort();
    await reflector.stopped;
  });
});
