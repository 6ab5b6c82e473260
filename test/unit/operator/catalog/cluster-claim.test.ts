import { expect } from 'chai';
import { ConsulUnavailable } from '../../../../clients/consul/errors.ts';
import { ClusterNameTaken, clusterClaim } from '../../../../operator/catalog/cluster-claim.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';

describe('the claim of a cluster on its name', () => {
  const TRUST_MS = 30_000;
  let fake: ReturnType<typeof fakeConsul>;
  let nowMs: number;
  beforeEach(() => {
    fake = fakeConsul();
    nowMs = 0;
  });
  const claimOf = (uid: string, cluster = 'lab') =>
    clusterClaim({
      consul: fake.consul,
      cluster,
      clusterUid: async () => uid,
      trustMs: TRUST_MS,
      steadyMs: () => nowMs,
    });
  const failureOf = (task: Promise<void>): Promise<unknown> =>
    task.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is made by the first, found again by the same cluster, and refused to another with what to do', async () => {
    await claimOf('uid-1').hold();
    await claimOf('uid-1').hold();
    const failure = await failureOf(claimOf('uid-2').hold());
    expect(failure).to.be.instanceOf(ClusterNameTaken);
    expect(String(failure)).to.match(/lab belongs .*\(uid uid-1\).*another name.* delete the node k8s\.lab\.cluster/);
    await claimOf('uid-2', 'other').hold();
  });

  it('goes to one of two who come at the same moment', async () => {
    const failures = await Promise.all([claimOf('uid-1'), claimOf('uid-2')].map((claim) => failureOf(claim.hold())));
    expect(failures.filter((failure) => failure instanceof ClusterNameTaken)).to.have.length(1);
    expect(failures.filter((failure) => failure === undefined)).to.have.length(1);
  });

  it('costs nothing while it is trusted, however many ask, and is made again when Consul has lost it', async () => {
    const claim = claimOf('uid-1');
    await Promise.all([claim.hold(), claim.hold(), claim.hold()]);
    fake.requests.length = 0;
    await claim.hold();
    expect(fake.requests).to.deep.equal([]);
    await fake.consul.apply([{ op: 'delete-node', node: 'k8s.lab.cluster' }]);
    nowMs = TRUST_MS;
    await claim.hold();
    expect(await failureOf(claimOf('uid-2').hold())).to.be.instanceOf(ClusterNameTaken);
  });

  it('is lost to the one who was first after Consul had lost it', async () => {
    const claim = claimOf('uid-1');
    await claim.hold();
    await fake.consul.apply([{ op: 'delete-node', node: 'k8s.lab.cluster' }]);
    await claimOf('uid-2').hold();
    nowMs = TRUST_MS;
    expect(await failureOf(claim.hold())).to.be.instanceOf(ClusterNameTaken);
  });

  it('is not called lost to another where the node went between two questions, and is made at the next try', async () => {
    const { createNode } = fake.consul;
    fake.consul.createNode = async () => {
      fake.consul.createNode = createNode;
      return false;
    };
    const claim = claimOf('uid-1');
    expect(await failureOf(claim.hold())).not.to.be.instanceOf(ClusterNameTaken);
    await claim.hold();
    expect(await failureOf(claimOf('uid-2').hold())).to.be.instanceOf(ClusterNameTaken);
  });

  it('is asked for again at once after Consul did not answer', async () => {
    const claim = claimOf('uid-1');
    fake.available = false;
    expect(await failureOf(claim.hold())).to.be.instanceOf(ConsulUnavailable);
    fake.available = true;
    await claim.hold();
  });

  it('is held without the API server once that has told who this cluster is', async () => {
    let away = false;
    const clusterUid = (): Promise<string> =>
      away ? Promise.reject(new Error('the API server is away')) : Promise.resolve('uid-1');
    const claim = clusterClaim({
      consul: fake.consul,
      cluster: 'lab',
      clusterUid,
      trustMs: TRUST_MS,
      steadyMs: () => nowMs,
    });
    away = true;
    expect(String(await failureOf(claim.hold()))).to.contain('the API server is away');
    away = false;
    await claim.hold();
    away = true;
    nowMs = TRUST_MS;
    await claim.hold();
  });
});
