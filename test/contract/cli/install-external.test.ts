import { expect } from 'chai';
import { synthesize } from '../../../charts/synthesize.ts';
import { parseValues } from '../../../charts/values.ts';
import { install } from '../../../cli/install/install.ts';
import { everythingOf } from '../../../cli/install/residue.ts';
import { discoverer } from '../../../clients/kube/discover.ts';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { deployments, namespaces, pods, secrets } from '../../../clients/kube/resources.ts';
import { playBootstrapJob } from '../../support/rigs/job-player.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';

/** The real API server. The end of the bootstrap job is played. */
describe('landbridge install, with Consul servers that were there before', function () {
  this.timeout(120_000);
  let kube: RealKube;
  let lines: string[] = [];
  const LATE = 'not ready after';
  const external = {
    enabled: true,
    addresses: ['consul.example:8501'],
    grpc: 'consul.example:8503',
    ca: { name: 'consul-ca' },
    token: { name: 'consul-token' },
  };
  const run = (address = 'consul.example:8501', timeoutMs = 20_000): Promise<string> => {
    lines = [];
    const values = { createNamespace: false, externalConsul: { ...external, addresses: [address] } };
    return install({
      kube: kube.client,
      objects: synthesize(parseValues(values)) as KubeObject[],
      planOnly: false,
      timeoutMs,
      openServers: () => Promise.reject(new Error('no Consul server runs here')),
      say: (line) => void lines.push(line),
    }).then(
      () => 'done',
      (error: Error) => error.message,
    );
  };
  const everything = async (): Promise<string[]> =>
    (await everythingOf(kube.client, discoverer(kube.client))).map(
      ({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`,
    );
  const secret = (name: string, key: string) =>
    kube.client.create(secrets, { metadata: { name, namespace: 'landbridge' }, data: { [key]: 'eA==' } } as KubeObject);
  /** Nobody collects what a job leaves here. */
  const sweep = async (): Promise<void> => {
    for (const { metadata } of (await kube.client.list<KubeObject>(pods, { namespace: 'landbridge' })).items)
      await kube.client.delete(pods, metadata.name, 'landbridge', { gracePeriodSeconds: 0 });
  };

  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'landbridge' } });
  });
  after(() => kube?.stop());

  it('says which Secret to make, and does nothing before it is there', async () => {
    expect(await run()).to.match(
      /^Secret landbridge\/consul-ca is not there: kubectl -n landbridge create secret .*ca\.crt/,
    );
    await secret('consul-ca', 'ca.pem');
    expect(await run()).to.match(/^Secret landbridge\/consul-ca has no ca\.crt: /);
    await kube.client.delete(secrets, 'consul-ca', 'landbridge');
    await secret('consul-ca', 'ca.crt');
    expect(await run()).to.match(/^Secret landbridge\/consul-token is not there: .*token/);
    await secret('consul-token', 'token');
    expect(await everything()).to.deep.equal([]);
  });

  const refusal = 'the token of externalConsul.token cannot be used, it needs acl:write: Permission denied';
  const log = '{"level":30,"msg":"the Consul servers were asked"}\n';

  it('ends with the words of the bootstrap job as soon as that gives up, and leaves nothing', async () => {
    const played = playBootstrapJob(kube.client, { says: `${log}error: ${refusal}\n` }, 10_000);
    const start = performance.now();
    expect(await run()).to.equal(`${refusal}. Nothing was changed`);
    expect(performance.now() - start).to.be.below(10_000);
    await played;
    await sweep();
    expect(await everything()).to.deep.equal([]);
  });

  it('goes on once that is mended, with a new job', async () => {
    const played = playBootstrapJob(kube.client, 'completes', 10_000);
    // No kubelet runs the other parts.
    expect(await run(undefined, 8000)).to.include(LATE);
    await played;
    expect(lines.join('\n')).to.match(/ready: Job landbridge\/landbridge-bootstrap-/);
    expect(await kube.client.get(deployments, 'landbridge-operator', 'landbridge')).not.to.equal(undefined);
  });

  it('changes nothing of what runs when other servers cannot be used', async () => {
    const before = await everything();
    const unreachable = 'no server answers there: check externalConsul.addresses and what lies between';
    const played = playBootstrapJob(kube.client, { says: `error: ${unreachable}` }, 10_000);
    expect(await run('elsewhere.example:8501')).to.equal(`${unreachable}. Nothing was changed`);
    await played;
    await sweep();
    expect(await everything()).to.deep.equal(before);
  });

  it('does not take what an earlier try said for what is so now', async () => {
    const address = 'third.example:8501';
    const first = playBootstrapJob(kube.client, { says: `error: ${refusal}` }, 10_000);
    // As Helm or kubectl leave it: nobody takes the job away.
    await run(address, 0);
    const old = await first;
    const second = playBootstrapJob(kube.client, 'completes', 10_000);
    expect(await run(address, 8000)).to.include(LATE);
    expect(await second).not.to.equal(old);
  });
});
