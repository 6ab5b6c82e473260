import { expect } from 'chai';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { secrets } from '../../../clients/kube/resources.ts';
import { CONFIG_KINDS } from '../../../mesh/catalog/entry.ts';
import { restoreBackup, takeBackup } from '../../support/consul/consul-backup.ts';
import { eventually } from '../../support/eventually.ts';
import { type OperatorRig, shopOf, startOperatorRig } from '../../support/rigs/operator-rig.ts';

/** All that a restored backup leaves wrong has to be right again within a minute, at the default period of 30 s. */
const A_MINUTE_MS = 60_000;

describe('the operator after a backup of Consul was restored', function () {
  this.timeout(170_000);
  let rig: OperatorRig;
  let shop: ReturnType<typeof shopOf>;

  before(async () => {
    rig = await startOperatorRig();
    shop = shopOf(rig);
  });
  after(() => rig?.stop());

  async function tokenOf(name: string): Promise<string> {
    const secret = await rig.kube.client.get<KubeObject & { data: Record<string, string> }>(
      secrets,
      `${name}-landbridge`,
      'shop',
    );
    return Buffer.from(secret?.data['token'] ?? '', 'base64').toString();
  }
  const hasGoodToken = (name: string): Promise<string> =>
    eventually(`Consul knows the token in the Secret of ${name}`, A_MINUTE_MS, async () => {
      const token = await tokenOf(name);
      return token !== '' && (await rig.consul.knowsToken(token)) ? token : undefined;
    });
  const entriesUnder = async (name: string): Promise<string[]> => {
    const all = (await Promise.all(CONFIG_KINDS.map((kind) => rig.consul.listConfig(kind)))).flat();
    return all.filter(({ entry }) => entry.Name === name).map(({ entry }) => entry.Kind);
  };
  /** A backup in which `old` is there and `young` is not; by now it is the other way round, and `web` was there all the time. */
  async function backupAndGoOn(): Promise<{ backup: Buffer; ofWeb: string; ofYoung: string }> {
    await rig.settle();
    await shop.remove('young');
    await eventually('young is gone', 30_000, async () => (await shop.status('young')) === undefined);
    for (const name of ['web', 'old']) {
      await shop.declare(name);
      await shop.condition(name, 'Synced', 'Synced');
    }
    const ofWeb = await hasGoodToken('web');
    const backup = await takeBackup(rig.server);
    await shop.remove('old');
    await eventually('old is gone', 30_000, async () => (await shop.status('old')) === undefined);
    await shop.declare('young');
    await shop.condition('young', 'Synced', 'Synced');
    return { backup, ofWeb, ofYoung: await hasGoodToken('young') };
  }
  async function allIsRight({ ofWeb, ofYoung }: { ofWeb: string; ofYoung: string }): Promise<void> {
    expect(await hasGoodToken('young')).to.not.equal(ofYoung);
    expect(await tokenOf('web'), 'a token that Consul knows stays').to.equal(ofWeb);
    await eventually('young is in Consul again', A_MINUTE_MS, async () =>
      (await entriesUnder('young')).includes('service-defaults') ? true : undefined,
    );
    await eventually('nothing of old is there', A_MINUTE_MS, async () => {
      const left = [...(await entriesUnder('old')), ...(await rig.consul.listNodes('k8s.lab.shop.old'))];
      return left.length === 0 ? true : undefined;
    });
  }

  it('replaces the tokens that Consul has lost, and puts the catalog right', async () => {
    const before = await backupAndGoOn();
    await restoreBackup(rig.server, before.backup);
    expect(await rig.consul.knowsToken(before.ofYoung), 'the restored Consul knows nothing of it').to.equal(false);
    await allIsRight(before);
  });

  it('does so also when nothing but tokens differs from the backup', async () => {
    await rig.settle();
    await shop.declare('web');
    await shop.condition('web', 'Synced', 'Synced');
    await hasGoodToken('web');
    const backup = await takeBackup(rig.server);
    // With its Secret and the token itself gone, the MeshService gets a new token and no other entry changes.
    const lost = await tokenOf('web');
    await rig.consul.logout(lost);
    await rig.kube.client.delete(secrets, 'web-landbridge', 'shop');
    const young = await eventually('web has another token', A_MINUTE_MS, async () => {
      const token = await tokenOf('web');
      return token === '' || token === lost ? undefined : token;
    });
    await restoreBackup(rig.server, backup);
    expect(await rig.consul.knowsToken(young)).to.equal(false);
    expect(await hasGoodToken('web')).to.not.equal(young);
  });

  it('does so when the operator was away meanwhile', async () => {
    const before = await backupAndGoOn();
    await Promise.all(rig.operators.filter(({ running }) => running).map((operator) => operator.stop()));
    await restoreBackup(rig.server, before.backup);
    await rig.start();
    await allIsRight(before);
  });

  it('brings no dead token back into a Secret that was deleted', async () => {
    const before = await backupAndGoOn();
    await restoreBackup(rig.server, before.backup);
    await rig.kube.client.delete(secrets, 'young-landbridge', 'shop');
    await allIsRight(before);
  });
});
