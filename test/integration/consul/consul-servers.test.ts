import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { reshape } from '../../../cli/install/shape/reshape.ts';
import { heldShape } from '../../../cli/install/shape/held-shape.ts';
import { systemClock } from '../../../base/clock.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { namespaces, persistentVolumeClaims, pods, statefulSets } from '../../../clients/kube/resources.ts';
import { CONSUL_SERVER_SERVICE, NAMESPACE } from '../../../mesh/installation/installation.ts';
import { consulClaim, consulServer } from '../../../mesh/installation/reshape.ts';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import { applyManifest } from '../../support/kube/apply-manifest.ts';
import { type ChartServers, chartServers } from '../../support/consul/chart-consul.ts';
import { eventually } from '../../support/eventually.ts';
import { letOrphansGo } from '../../support/orphans.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

const KEY = 'landbridge/test';
const THREE = [0, 1, 2];

/** Real Consul servers with the chart's configuration and a real API server; their pods have no kubelet, so that we stop the processes. */
describe('Consul servers of the chart', function () {
  this.timeout(180_000);
  let servers: ChartServers;
  let kube: RealKube;
  const stop = new AbortController();

  before(async () => {
    [servers, kube] = await Promise.all([chartServers(randomUUID()), startApiServer()]);
    await kube.client.create(namespaces, { metadata: { name: NAMESPACE } });
    letOrphansGo(kube.client, stop.signal);
  });
  after(async () => {
    stop.abort();
    await servers?.stop();
    await kube?.stop();
  });

  const voters = async (ordinal: number): Promise<string[]> =>
    (await servers.raft(ordinal).peers())
      .filter(({ voter }) => voter)
      .map(({ node }) => node)
      .sort();
  const leader = async (ordinal: number): Promise<string | undefined> =>
    (await servers.raft(ordinal).peers()).find((peer) => peer.leader)?.node;

  it('come in, from one to three: the first goes on, none begins a cluster of its own, and all hold what the first did', async () => {
    await servers.start(0, 1);
    await eventually('a leader', 30_000, async () => (await servers.consul(0).leader()) !== '');
    await eventually('a key is written', 30_000, () => servers.consul(0).kvCas(KEY, 'one', 0));
    for (const ordinal of [1, 2]) await servers.start(ordinal, 3);
    await eventually('three vote', 60_000, async () => (await voters(0)).length === 3, 500);
    expect(await voters(2)).to.deep.equal(THREE.map(consulServer));
    expect(await leader(0)).to.equal(consulServer(0));
    for (const ordinal of THREE) expect((await servers.consul(ordinal).kvGet(KEY))?.value).to.equal('one');
  });

  it('keep what they hold when the first one is started again with the configuration of three', async () => {
    await servers.end(0);
    await eventually(
      'another leads',
      30_000,
      async () => (await leader(1)) !== consulServer(0) && (await leader(1)) !== undefined,
    );
    expect(await servers.consul(1).kvCas(KEY, 'two', (await servers.consul(1).kvGet(KEY))!.modifyIndex)).to.equal(true);
    await servers.start(0, 3);
    await eventually('the first is back', 60_000, async () => (await servers.consul(0).kvGet(KEY))?.value === 'two');
    await eventually('three vote', 60_000, async () => (await voters(0)).length === 3, 500);
  });

  /** As they are in Kubernetes, less a kubelet. */
  async function asPods(): Promise<void> {
    const set = (synthesize(parseValues({ consul: { servers: 3 } })) as KubeObject[]).find(
      ({ kind }) => kind === 'StatefulSet',
    )!;
    await applyManifest(kube.client, set);
    for (const ordinal of THREE) {
      const spec = { containers: [{ name: 'consul', image: 'consul' }] };
      await kube.client.create(pods, {
        metadata: { name: consulServer(ordinal), namespace: NAMESPACE },
        spec,
      } as KubeObject);
      await kube.client.create(persistentVolumeClaims, {
        metadata: { name: consulClaim(ordinal), namespace: NAMESPACE },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      } as unknown as KubeObject);
      // Its controller, which does not run here, would let it go.
      await kube.client.patchMerge(persistentVolumeClaims, consulClaim(ordinal), NAMESPACE, {
        metadata: { finalizers: null },
      });
    }
  }
  const there = async (resource: typeof pods, nameOf: (ordinal: number) => string): Promise<number[]> => {
    const found = await Promise.all(THREE.map((ordinal) => kube.client.get(resource, nameOf(ordinal), NAMESPACE)));
    return THREE.filter((ordinal) => found[ordinal] !== undefined);
  };
  /** As the kubelet ends a container whose pod is deleted; and how many voted then. */
  async function play(voting: number[]): Promise<void> {
    while (!stop.signal.aborted) {
      for (const ordinal of THREE)
        if (servers.runs(ordinal) && !(await there(pods, consulServer)).includes(ordinal)) {
          voting.push((await voters(0).catch(() => [])).length);
          await servers.end(ordinal);
        }
      await new Promise((next) => setTimeout(next, 100));
    }
  }

  it('leave one after the other, from three to one: the first leads, always with a quorum, and their volumes go', async () => {
    await asPods();
    const second = (await servers.raft(0).peers()).find(({ node }) => node === consulServer(1))!;
    if (!second.leader) await servers.raft(0).transferLeadership(second.id);
    await eventually('the second leads', 30_000, async () => (await leader(0)) === consulServer(1));
    expect((await heldShape(kube.client, 'any')).servers).to.equal(3);
    const voting: number[] = [];
    void play(voting);
    const lines: string[] = [];
    await reshape(
      {
        kube: kube.client,
        openServers: () => Promise.resolve(servers.raft(0)),
        clock: systemClock,
        say: (line) => void lines.push(line.trim()),
      },
      [{ do: 'remove-servers', from: 3, to: 1 }],
    );
    expect(lines.slice(1)).to.deep.equal([`${consulServer(2)} has left`, `${consulServer(1)} has left`]);
    expect(await there(pods, consulServer)).to.deep.equal([0]);
    expect(await there(persistentVolumeClaims, consulClaim)).to.deep.equal([0]);
    expect(await kube.client.get(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE)).to.equal(undefined);
    await eventually('their processes end', 20_000, () => !servers.runs(1) && !servers.runs(2));
    expect(voting, 'voters when the third and the second ended').to.deep.equal([2, 1]);
    expect(await voters(0)).to.deep.equal([consulServer(0)]);
    expect((await servers.consul(0).kvGet(KEY))?.value).to.equal('two');
    await eventually('Consul forgets their nodes', 60_000, async () => {
      const nodes = await servers.consul(0).listNodes(CONSUL_SERVER_SERVICE);
      return nodes.length === 1 && nodes[0]!.name === consulServer(0);
    });
    expect((await heldShape(kube.client, 'any')).servers, 'by its pod alone').to.equal(1);
  });

  it('leave once, also when the steps run twice', async () => {
    const again = {
      kube: kube.client,
      openServers: async () => servers.raft(0),
      clock: systemClock,
      say: () => undefined,
    };
    await reshape(again, [{ do: 'remove-servers', from: 3, to: 1 }]);
    expect(await there(pods, consulServer)).to.deep.equal([0]);
    expect(await voters(0)).to.deep.equal([consulServer(0)]);
  });

  it('keep their pods and volumes while the one that is to stay does not vote', async () => {
    const set = (synthesize(parseValues({ consul: { servers: 3 } })) as KubeObject[]).find(
      ({ kind }) => kind === 'StatefulSet',
    )!;
    await applyManifest(kube.client, set);
    const raft = { ...servers.raft(0), peers: async () => [] };
    const error = await reshape(
      { kube: kube.client, openServers: async () => raft, clock: systemClock, say: () => undefined },
      [{ do: 'remove-servers', from: 3, to: 1 }],
    ).catch((failed: Error) => failed);
    expect((error as Error).message).to.match(/does not vote among the Consul servers.*Nothing was changed/);
    expect(await kube.client.get(statefulSets, CONSUL_SERVER_SERVICE, NAMESPACE)).not.to.equal(undefined);
  });
});
