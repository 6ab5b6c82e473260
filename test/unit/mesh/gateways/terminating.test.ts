import { expect } from 'chai';
import fc from 'fast-check';
import { diff } from '../../../../mesh/catalog/diff.ts';
import {
  type FoundInstance,
  GATEWAY_LINKS,
  type LinkCandidate,
  claimsOf,
  gatewayState,
} from '../../../../mesh/gateways/terminating.ts';
import { GATEWAY_PORT, GATEWAY_SELECTOR } from '../../../../mesh/installation/installation.ts';
import { selectorLabels } from '../../../../charts/labels.ts';
import { aPodFacts } from '../../../support/builders.ts';

const candidate = (service: string, createdAt = '2026-01-01T00:00:00Z'): LinkCandidate => ({
  ...{ namespace: 'shop', name: service, service, createdAt },
});
const external = (ID: string, site = 'rack-1'): FoundInstance => ({
  node: `ext.${site}.${ID}`,
  service: { ID, Meta: { platform: 'external', site, 'managed-by': 'landbridge' } },
});
const withSidecar = (ID: string, platform: 'pod' | 'vm'): FoundInstance => ({
  node: platform === 'pod' ? 'k8s.lab.shop.db' : 'vm.rack-1.one',
  service: { ID, Meta: { platform } },
});
const ready = aPodFacts('gateway-1', { ip: '10.244.0.9' });
const stateOf = (
  found: Record<string, FoundInstance[]>,
  { candidates = Object.keys(found).map((name) => candidate(name)), pods = [ready] } = {},
) => gatewayState({ cluster: 'lab', pods, candidates, instances: new Map(Object.entries(found)) });
const linkOf = (config: ReturnType<typeof stateOf>['config']) => config['terminating-gateway/landbridge-gateway'];

describe('the state of the terminating gateway in Consul', () => {
  it('is its pods, and no entry, while nothing has to be called through it', () => {
    const { node, config, links, verdicts } = stateOf({ db: [withSidecar('db-1', 'pod')], none: [] });
    expect(node!.Node).to.equal('k8s.lab.landbridge.landbridge-gateway');
    expect(node!.registrations['gateway-1']!.service).to.include({
      Kind: 'terminating-gateway',
      Address: '10.244.0.9',
      Port: GATEWAY_PORT,
    });
    expect([config, links, [...verdicts]]).to.deep.equal([{}, [], []]);
  });

  it('names each service whose instances have no sidecar, and never all', () => {
    const { config, links, verdicts } = stateOf({
      queue: [external('mq')],
      db: [external('ora'), external('ora2', 'b')],
    });
    expect(linkOf(config)).to.deep.equal({
      Kind: 'terminating-gateway',
      Name: 'landbridge-gateway',
      Services: [{ Name: 'db' }, { Name: 'queue' }],
      Meta: { 'landbridge-owner': 'gateway/lab' },
    });
    expect(links).to.deep.equal(['db', 'queue']);
    expect([...verdicts]).to.have.deep.members([
      ['shop/queue', ''],
      ['shop/db', ''],
    ]);
  });

  for (const platform of ['pod', 'vm'] as const) {
    it(`does not name one of which a ${platform} has a sidecar, as it would be called past that`, () => {
      const { config, verdicts } = stateOf({ db: [external('ora'), withSidecar('db-1', platform)] });
      expect(config).to.deep.equal({});
      expect(verdicts.get('shop/db')).to.match(/^db-1 has a sidecar.*spec\.traffic\.split/);
    });
  }

  it('does not name one of which another has registered an instance, and says how to take it over', () => {
    const foreign: FoundInstance = { node: 'esm-1', service: { ID: 'ora-0', Meta: {} } };
    const posing: FoundInstance = { node: 'esm-1', service: { ID: 'ora-0', Meta: { platform: 'external' } } };
    for (const other of [foreign, posing]) {
      const { config, verdicts } = stateOf({ db: [external('ora'), other] });
      expect(config).to.deep.equal({});
      expect(verdicts.get('shop/db')).to.include('landbridge adopt esm-1 ora-0');
    }
  });

  it('names as many services as a token can stand for; the first ones keep their places', () => {
    const names = Array.from({ length: GATEWAY_LINKS + 1 }, (_, index) => `db-${index}`);
    const candidates = names.map((name, index) =>
      candidate(name, `2026-01-01T00:00:${String(59 - index).padStart(2, '0')}Z`),
    );
    const found = Object.fromEntries(names.map((name) => [name, [external(name)]]));
    const { links, verdicts } = stateOf(found, { candidates });
    expect(links).to.have.length(GATEWAY_LINKS).and.not.include('db-0');
    expect(verdicts.get('shop/db-0')).to.match(/^the terminating gateway stands for 32 services already/);
    expect(Object.values(claimsOf(links))).to.deep.equal(links);
    expect(Object.values(claimsOf(['db'])).join('|')).to.equal(`db${'|'.repeat(GATEWAY_LINKS - 1)}`);
  });

  it('takes no traffic to a pod that is not ready or that ends, and keeps it registered, so that Envoy has what it needs', () => {
    const pods = [
      aPodFacts('young', { ready: false, notReadyBecause: 'starting' }),
      aPodFacts('old', { terminating: true }),
      aPodFacts('dead', { finished: true }),
      aPodFacts('unborn', { ip: undefined }),
    ];
    const { node, verdicts } = stateOf({ db: [external('ora')] }, { pods });
    const health = Object.values(node!.registrations).map(({ checks: [check] }) => [check!.Status, check!.Output]);
    expect(health).to.deep.equal([
      ['critical', 'starting'],
      ['critical', 'pod is terminating'],
    ]);
    expect(verdicts.get('shop/db')).to.match(/^no pod of the terminating gateway is ready/);
  });

  it('never touches the entry that somebody else holds under its name', () => {
    const { node, config, owner } = stateOf({ db: [external('ora')] });
    const entry = {
      Kind: 'terminating-gateway' as const,
      Name: 'landbridge-gateway',
      Services: [{ Name: '*' }],
      Meta: {},
    };
    const held = { node: undefined, config: { 'terminating-gateway/landbridge-gateway': { entry, modifyIndex: 7 } } };
    const plan = diff({ node, config }, held, owner);
    expect(plan.changes).to.deep.equal([]);
    expect(plan.conflicts).to.deep.equal([{ what: 'terminating-gateway/landbridge-gateway', owner: 'unmarked' }]);
  });

  it('is in order once it is written, over any earlier state', () => {
    const anyLinks = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'));
    fc.assert(
      fc.property(anyLinks, anyLinks, (before, now) => {
        const [old, wanted] = [before, now].map((names) =>
          stateOf(Object.fromEntries(names.map((name) => [name, [external(name)]]))),
        );
        const heldAs = (state: typeof old) => ({
          node: state!.node,
          config: Object.fromEntries(
            Object.entries(state!.config).map(([key, entry]) => [key, { entry, modifyIndex: 7 }] as const),
          ),
        });
        const { changes } = diff(wanted!, heldAs(old), wanted!.owner);
        expect(changes).to.have.length(JSON.stringify(old!.links) === JSON.stringify(wanted!.links) ? 0 : 1);
        expect(diff(wanted!, heldAs(wanted), wanted!.owner).changes).to.deep.equal([]);
      }),
    );
  });

  it('finds its pods by the labels that the chart gives them', () => {
    expect(Object.entries(selectorLabels('gateway')).map((pair) => pair.join('='))).to.have.members(
      GATEWAY_SELECTOR.split(','),
    );
  });
});
