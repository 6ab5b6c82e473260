import { expect } from 'chai';
import { podWithoutSidecar, withoutSidecarMessage } from '../../../../mesh/status/without-sidecar.ts';

const owned = (name: string, kind: string, owner: string, hash?: string) =>
  podWithoutSidecar({
    name,
    ...(hash === undefined ? {} : { labels: { 'pod-template-hash': hash } }),
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Foreign', name: 'other', uid: '0' },
      { apiVersion: 'apps/v1', kind, name: owner, uid: '1', controller: true },
    ],
  });

describe('the workload of a pod without a sidecar', () => {
  it('is the Deployment whose template made its ReplicaSet', () => {
    expect(owned('web-5d-x', 'ReplicaSet', 'web-5d', '5d').workload).to.equal('deployment/web');
    expect(owned('a-b-7c9-x', 'ReplicaSet', 'a-b-7c9', '7c9').workload).to.equal('deployment/a-b');
  });

  it('is the ReplicaSet itself when no Deployment made it', () => {
    expect(owned('web-x', 'ReplicaSet', 'web').workload).to.equal('replicaset/web');
  });

  it('is its controller of any other kind, and undefined without one', () => {
    expect(owned('db-0', 'StatefulSet', 'db').workload).to.equal('statefulset/db');
    expect(owned('migrate-x', 'Job', 'migrate').workload).to.equal('job/migrate');
    expect(podWithoutSidecar({ name: 'bare' }).workload).to.equal(undefined);
  });
});

describe('the message about pods without a sidecar', () => {
  const message = (...pods: ReturnType<typeof owned>[]): string => withoutSidecarMessage(pods, 'pub');

  it('restarts just the workloads of the pods, each once, in one command', () => {
    const pods = [
      owned('db-0', 'StatefulSet', 'db'),
      owned('web-5d-x', 'ReplicaSet', 'web-5d', '5d'),
      owned('web-5d-y', 'ReplicaSet', 'web-5d', '5d'),
    ];
    expect(message(...pods)).to.equal(
      '3 pods run without a sidecar, for example db-0. To give them one: kubectl -n pub rollout restart deployment/web statefulset/db',
    );
  });

  it('never tells to restart a Job, which kubectl refuses', () => {
    expect(message(owned('migrate-x', 'Job', 'migrate'))).to.equal(
      '1 pod runs without a sidecar, for example migrate-x. To give it one: delete the pods of job/migrate (a Job: delete it and apply it again)',
    );
  });

  it('names a pod that nobody makes again', () => {
    expect(message(podWithoutSidecar({ name: 'bare' }))).to.contain('delete pod/bare and apply it again');
  });

  it('names five workloads at most, and counts the rest', () => {
    const many = Array.from({ length: 12 }, (_, i) =>
      owned(`s${i}-0`, 'StatefulSet', `s${String(i).padStart(2, '0')}`),
    );
    expect(message(...many)).to.match(/restart( statefulset\/s0\d){5} \(and 7 more\)$/);
  });
});
