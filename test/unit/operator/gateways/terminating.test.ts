import { expect } from 'chai';
import { pino } from 'pino';
import type { Consul } from '../../../../clients/consul/consul.ts';
import type { LinkCandidate } from '../../../../mesh/gateways/terminating.ts';
import { keepTerminatingGateway } from '../../../../operator/gateways/terminating.ts';
import type { SecretTarget } from '../../../../operator/sidecar-secret/secret-target.ts';
import { appOf, nodeOf } from '../../../contract/consul/consul-builders.ts';
import { aPodFacts } from '../../../support/builders.ts';
import { eventually } from '../../../support/eventually.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';

/** Its steps in order: the token for these links, a write to Consul. */
describe('the walk of the terminating gateway', () => {
  let consul: Consul;
  let steps: string[];
  let stop: AbortController;
  let candidates: LinkCandidate[];
  const link = (service: string): LinkCandidate => ({ namespace: 'shop', name: service, service, createdAt: '' });

  beforeEach(() => {
    consul = fakeConsul({ acl: false }).connect('');
    steps = [];
    stop = new AbortController();
    candidates = [];
  });
  afterEach(() => stop.abort());

  async function register(service: string): Promise<void> {
    const app = appOf(`${service}-1`, service);
    const Meta = { platform: 'external', site: 'rack-1' };
    const node = nodeOf(`ext.rack-1.${service}-1`);
    await consul.apply([{ op: 'register', node, registration: { ...app, service: { ...app.service, Meta } } }]);
    candidates.push(link(service));
  }
  const keep = (pods: { hasSynced: boolean; list(): never[] } | undefined | 'one') => {
    const gateway = keepTerminatingGateway({
      pods: pods === 'one' ? { hasSynced: true, list: () => [aPodFacts('gateway-1')] } : pods,
      consul: {
        ...consul,
        apply(changes) {
          const ofEntry = changes.filter(({ op }) => op.endsWith('config')).map(({ op }) => op);
          if (ofEntry.length > 0) steps.push(ofEntry.join());
          return consul.apply(changes);
        },
      },
      sidecarSecrets: {
        async keep({ links = [] }: SecretTarget) {
          steps.push(`token ${links.join()}`);
          return false;
        },
        remove: async () => void steps.push('token ended'),
        forget: () => undefined,
      },
      kube: { patchMerge: () => Promise.reject(new Error('nothing was written')) },
      cluster: 'lab',
      port: 1,
      candidates: () => candidates,
      onVerdict: () => undefined,
      random: Math.random,
      signal: stop.signal,
      log: pino({ level: 'silent' }),
    });
    return gateway;
  };
  const walked = (count: number) => eventually('it has walked', 5000, () => steps.length >= count || undefined, 10);
  const links = async () => (await consul.readConfig('terminating-gateway', 'landbridge-gateway'))?.entry['Services'];

  it('gives the token the right before the link, and takes it after', async () => {
    await register('db');
    const gateway = keep('one');
    await walked(3);
    expect(steps).to.deep.equal(['token db', 'set-config', 'token db']);
    expect(gateway.verdictOf('shop/db')).to.equal('');
    steps = [];
    await register('queue');
    candidates = [link('queue')];
    gateway.nudge();
    await walked(3);
    expect(steps).to.deep.equal(['token db,queue', 'set-config', 'token queue']);
    expect(await links()).to.deep.equal([{ Name: 'queue' }]);
    steps = [];
    candidates = [];
    gateway.nudge();
    await walked(3);
    expect(steps).to.deep.equal(['token queue', 'delete-config', 'token ']);
    expect(await links()).to.equal(undefined);
    expect(gateway.verdictOf('shop/db')).to.equal(undefined);
  });

  it('asks Consul about no service while nothing is registered without a sidecar', async () => {
    candidates = [link('web')];
    const health = consul.health;
    consul.health = () => Promise.reject(new Error('asked'));
    keep('one');
    await walked(2);
    expect(steps).to.deep.equal(['token ', 'token ']);
    consul.health = health;
  });

  it('takes everything away when the chart stops deploying it, and names the value to set', async () => {
    await register('db');
    const first = keep('one');
    await walked(3);
    stop.abort();
    expect(first.verdictOf('shop/db')).to.equal('');
    stop = new AbortController();
    steps = [];
    const gateway = keep(undefined);
    await walked(2);
    expect(steps).to.deep.equal(['delete-config', 'token ended']);
    await eventually('it says so', 5000, () => gateway.verdictOf('shop/db')?.includes('gateway.enabled'), 10);
    expect(await consul.readNode('k8s.lab.landbridge.landbridge-gateway')).to.equal(undefined);
  });

  it('removes nothing before it knows its pods', async () => {
    await register('db');
    keep('one');
    await walked(3);
    stop.abort();
    stop = new AbortController();
    let looks = 0;
    const pods = {
      get hasSynced() {
        looks += 1;
        return false;
      },
      list: () => [],
    };
    steps = [];
    keep(pods);
    // The second look is of a walk after the first has ended.
    await eventually('it has given up twice', 5000, () => looks >= 2 || undefined, 10);
    expect(steps).to.deep.equal([]);
    expect(Object.keys((await consul.readNode('k8s.lab.landbridge.landbridge-gateway'))!.registrations)).to.have.length(
      1,
    );
  });
});
