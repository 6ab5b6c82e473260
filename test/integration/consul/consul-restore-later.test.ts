import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { secrets } from '../../../clients/kube/resources.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { restoreBackup, takeBackup } from '../../support/consul/consul-backup.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

const A_MINUTE_MS = 60_000;

/** The entries of Consul that a backup brings back are those of another day. */
describe('a backup of Consul in which the mesh was another', function () {
  this.timeout(170_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
    await rig.start();
  });
  after(() => rig?.stop());

  const entry = async (kind: 'service-defaults' | 'service-router' | 'service-intentions', name: string) =>
    (await rig.consul.readConfig(kind, name))?.entry as Record<string, unknown> | undefined;
  /** Names of the services that may call. */
  const callers = async (name: string): Promise<string[]> => {
    const sources = ((await entry('service-intentions', name))?.['Sources'] ?? []) as Record<string, unknown>[];
    return sources
      .filter((source) => source['Action'] === 'allow' || source['Permissions'])
      .map(({ Name }) => String(Name));
  };
  const web = async (spec: Partial<MeshServiceSpecInput>): Promise<void> => {
    await shop.declare('web', spec);
    await shop.condition('web', 'Synced', 'Synced');
  };
  const tokenIsGood = (name: string) =>
    eventually(`Consul knows the token of ${name}`, A_MINUTE_MS, async () => {
      const secret = await rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
        secrets,
        `${name}-landbridge`,
        'shop',
      );
      const token = Buffer.from(secret?.data['token'] ?? '', 'base64').toString();
      return token !== '' && (await rig.consul.knowsToken(token));
    });
  const open: Partial<MeshServiceSpecInput> = {
    protocol: 'http',
    access: [{ from: 'caller' }],
    traffic: { timeout: '9s' },
  };

  it('opens no service for callers that lost their access since', async () => {
    await web(open);
    await eventually('the caller may call', 20_000, async () => (await callers('web')).includes('caller'));
    const backup = await takeBackup(rig.server);
    await web({ protocol: 'http', access: [{ from: 'other' }] });
    await eventually('another may call', 20_000, async () => (await callers('web')).includes('other'));
    await restoreBackup(rig.server, backup);
    await eventually('the access of now is there', A_MINUTE_MS, async () => (await callers('web')).join() === 'other');
    await tokenIsGood('web');
  });

  it('leaves no router where the protocol is tcp by now, and makes one again where it is http by now', async () => {
    const protocols = ['http', 'tcp'] as const;
    for (const [then, now] of [protocols, [...protocols].reverse()]) {
      await web({ protocol: then });
      const backup = await takeBackup(rig.server);
      await web({ protocol: now });
      await restoreBackup(rig.server, backup);
      await eventually(`it is ${now}`, A_MINUTE_MS, async () => {
        const [defaults, router] = [await entry('service-defaults', 'web'), await entry('service-router', 'web')];
        return defaults?.['Protocol'] === now && (router !== undefined) === (now === 'http');
      });
    }
  });

  it('brings back no pod that is gone, and keeps none away that came', async () => {
    await shop.only('web', ['web-1', 'web-2'], { protocol: 'http' });
    const backup = await takeBackup(rig.server);
    await shop.only('web', ['web-2', 'web-3'], { protocol: 'http' });
    await restoreBackup(rig.server, backup);
    await shop.holds('the pods of now', 'web', { 'web-2': 'passing', 'web-3': 'passing' }, A_MINUTE_MS);
    await shop.setReady('web-2', false, '10.0.0.2');
    await shop.holds('a change after it', 'web', { 'web-2': 'critical', 'web-3': 'passing' });
  });

  it('may be restored one after the other: an older one, and then a newer one', async () => {
    await shop.only('web', ['web-1'], open);
    const older = await takeBackup(rig.server);
    await shop.only('web', ['web-2'], { protocol: 'http', access: [{ from: 'second' }] });
    const newer = await takeBackup(rig.server);
    await shop.only('web', ['web-3'], { protocol: 'http', access: [{ from: 'third' }] });
    for (const backup of [older, newer, older]) await restoreBackup(rig.server, backup);
    await shop.holds('the pods of now', 'web', { 'web-3': 'passing' }, A_MINUTE_MS);
    await eventually('the access of now', A_MINUTE_MS, async () => (await callers('web')).join() === 'third');
    await tokenIsGood('web');
  });

  it('may be restored in the middle of many changes', async () => {
    await web({ protocol: 'http' });
    const backup = await takeBackup(rig.server);
    const names = Array.from({ length: 20 }, (_, at) => `many-${at}`);
    const declared = Promise.all(names.map((name) => shop.declare(name, open)));
    await eventually('some are there', 20_000, async () => (await callers('many-0')).length > 0);
    await restoreBackup(rig.server, backup);
    await declared;
    for (const name of names) {
      await eventually(`${name} is there`, A_MINUTE_MS, async () => (await callers(name)).join() === 'caller');
      await tokenIsGood(name);
    }
    expect((await shop.condition('many-19', 'Synced', 'Synced')).status).to.equal('True');
  });
});
