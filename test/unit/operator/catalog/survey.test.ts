import { expect } from 'chai';
import type { ConfigEntry } from '../../../../mesh/catalog/entry.ts';
import { CONFIG_KINDS, OWNER_META } from '../../../../mesh/catalog/entry.ts';
import { meshServiceOwner, podsNode } from '../../../../mesh/names/names.ts';
import type { Change } from '../../../../mesh/catalog/plan.ts';
import { rememberingCatalog } from '../../../../operator/catalog/catalog.ts';
import { type Marked, surveyor } from '../../../../operator/catalog/survey.ts';
import { appOf, checkOf, nodeOf, nodeWith } from '../../../contract/consul/consul-builders.ts';
import { fakeConsul } from '../../../support/fake-consul/fake-consul.ts';

const NODE = podsNode('lab', 'shop', 'web');
const OTHER = podsNode('lab', 'shop', 'api');
const NOTHING = { node: undefined, config: {} };

/** Two MeshServices, written and remembered, and compared once. */
async function scene() {
  const fake = fakeConsul();
  const catalog = rememberingCatalog(fake.consul);
  for (const [node, service] of [
    [NODE, 'web'],
    [OTHER, 'api'],
  ] as const) {
    await fake.consul.apply(nodeWith(node, appOf(`${service}-1`, service)).changes);
    await catalog.read({ node, services: [service] }, NOTHING);
  }
  const { survey } = surveyor({ consul: fake.consul, catalog, cluster: 'lab', onUnknown: () => undefined });
  expect(await survey()).to.deep.equal([]);
  fake.requests.length = 0;
  return { fake, catalog, survey };
}

const resolver: ConfigEntry = { Kind: 'service-defaults', Name: 'web', Meta: {}, Protocol: 'http' };

describe('the survey', () => {
  const byHand: [string, Change][] = [
    ['an instance is deleted', { op: 'delete-service', node: NODE, id: 'web-1', service: 'web' }],
    ['the node is deleted', { op: 'delete-node', node: NODE }],
    ['a check is changed', { op: 'set-check', node: NODE, check: checkOf('web-1', 'critical', 'by hand') }],
    ['an instance is added', { op: 'register', node: nodeOf(NODE), registration: appOf('web-2', 'web') }],
    ['the mark of the owner is taken off', { op: 'set-node', node: { ...nodeOf(NODE), Meta: {} } }],
    ['a config entry is written under the name', { op: 'set-config', entry: resolver, modifyIndex: 0 }],
  ];
  for (const [what, change] of byHand) {
    it(`names the one node where ${what} by hand`, async () => {
      const { fake, survey } = await scene();
      await fake.consul.apply([change]);
      expect(await survey()).to.deep.equal([NODE]);
      expect(await survey(), 'until it is mended').to.deep.equal([NODE]);
    });
  }

  it('asks for just four indexes while nothing changed, for any number of MeshServices', async () => {
    const { fake, survey } = await scene();
    expect(await survey()).to.deep.equal([]);
    expect(fake.requests).to.have.length(4);
  });

  it('asks for nodes, checks and each kind once when something of anybody changed', async () => {
    const { fake, survey } = await scene();
    await fake.consul.apply(nodeWith('vm.rack-1.a', appOf('x', 'x')).changes);
    fake.requests.length = 0;
    expect(await survey()).to.deep.equal([]);
    expect(fake.requests).to.have.length(4 + 2 + CONFIG_KINDS.length);
  });

  describe('after a start', () => {
    const place = { node: NODE, services: ['web'] };
    async function start() {
      const fake = fakeConsul();
      await fake.consul.apply(nodeWith(NODE, appOf('web-1', 'web')).changes);
      const catalog = rememberingCatalog(fake.consul);
      const looked = surveyor({ consul: fake.consul, catalog, cluster: 'lab', onUnknown: () => undefined });
      return {
        fake,
        catalog,
        ...looked,
        deleted: { op: 'delete-service', node: NODE, id: 'web-1', service: 'web' },
      } as const;
    }
    const asked = async ({ fake, survey }: Pick<Awaited<ReturnType<typeof start>>, 'fake' | 'survey'>) => {
      fake.requests.length = 0;
      return { differing: await survey(), requests: fake.requests.length };
    };

    it('compares nothing of what was just read while Consul has not changed', async () => {
      const { catalog, begin, ...rest } = await start();
      await begin();
      await catalog.read(place, NOTHING);
      expect(await asked(rest)).to.deep.equal({ differing: [], requests: 4 });
    });

    it('compares all when something changed after it began, also before it was read', async () => {
      const { catalog, begin, deleted, ...rest } = await start();
      await begin();
      await catalog.read(place, NOTHING);
      await rest.fake.consul.apply([deleted]);
      expect((await asked(rest)).differing).to.deep.equal([NODE]);
      const other = await start();
      await other.begin();
      await other.fake.consul.apply([other.deleted]);
      await other.catalog.read(place, NOTHING);
      expect((await asked(other)).requests).to.be.greaterThan(4);
    });

    it('compares all when a read was under way as it began', async () => {
      const { catalog, begin, deleted, ...rest } = await start();
      const { marks } = rest.fake.consul;
      rest.fake.consul.marks = async () => {
        await catalog.read(place, NOTHING);
        await rest.fake.consul.apply([deleted]);
        return marks();
      };
      await begin();
      rest.fake.consul.marks = marks;
      expect((await asked(rest)).differing).to.deep.equal([NODE]);
    });
  });

  it('does not doubt what the operator itself wrote', async () => {
    const { fake, catalog, survey } = await scene();
    const change: Change = { op: 'set-check', node: NODE, check: checkOf('web-1', 'critical') };
    await catalog.apply({ node: NODE, services: ['web'] }, [change]);
    expect(await survey()).to.deep.equal([]);
    expect(await fake.consul.health('web')).to.have.length(1);
  });

  it('leaves out what is written while it reads, and looks at it the next time', async () => {
    const { fake, catalog, survey } = await scene();
    await fake.consul.apply([{ op: 'delete-service', node: NODE, id: 'web-1', service: 'web' }]);
    const { checks } = fake.consul;
    fake.consul.checks = async (prefix) => {
      fake.consul.checks = checks;
      const seen = await checks(prefix);
      await catalog.apply({ node: NODE, services: ['web'] }, [
        { op: 'register', node: nodeOf(NODE), registration: appOf('web-3', 'web') },
      ]);
      return seen;
    };
    expect(await survey()).to.deep.equal([]);
    expect(await survey()).to.deep.equal([NODE]);
  });

  describe('beside a walk whose read was answered before the last write to Consul', () => {
    const place = { node: NODE, services: ['web'] };

    /** A frozen Consul does late what it was asked for: a claim of `web`, after the walk's read and before the survey's. */
    async function lateWrite() {
      const fake = fakeConsul();
      const catalog = rememberingCatalog(fake.consul);
      const unknown: Marked[] = [];
      const onUnknown = (marked: Marked): void => void unknown.push(marked);
      const surveys = surveyor({ consul: fake.consul, catalog, cluster: 'lab', onUnknown });
      const entry = { ...resolver, Meta: { [OWNER_META]: meshServiceOwner('lab', 'shop', 'web') } };
      await fake.consul.apply([{ op: 'set-config', entry, modifyIndex: 0 }]);
      const { readConfig } = fake.consul;
      /** The walk's read of what was there before, which ends after `done`. */
      async function readBefore(done: Promise<void> = Promise.resolve()): Promise<void> {
        fake.consul.readConfig = () => done.then(() => undefined);
        await catalog.read(place, NOTHING);
        fake.consul.readConfig = readConfig;
      }
      return { fake, catalog, unknown, readBefore, ...surveys };
    }

    it('finds the entries of a MeshService that the walk has let go', async () => {
      const { fake, catalog, unknown, readBefore, survey } = await lateWrite();
      const { checks } = fake.consul;
      fake.consul.checks = async (prefix) => (await readBefore(), checks(prefix));
      await survey();
      fake.consul.checks = checks;
      catalog.doubt(NODE);
      unknown.length = 0;
      await survey();
      expect(unknown).to.deep.equal([{ namespace: 'shop', name: 'web', services: ['web'] }]);
    });

    it('names the node, where the read ends while it compares', async () => {
      const { fake, readBefore, survey } = await lateWrite();
      const { checks } = fake.consul;
      fake.consul.checks = async (prefix) => (await readBefore(), checks(prefix));
      await survey();
      fake.consul.checks = checks;
      expect(await survey()).to.deep.equal([NODE]);
    });

    it('names the node, where the read ends after it has compared', async () => {
      const { readBefore, survey } = await lateWrite();
      let end = (): void => undefined;
      const reading = readBefore(new Promise((resolve) => (end = resolve)));
      await survey();
      end();
      await reading;
      expect(await survey()).to.deep.equal([NODE]);
    });
  });
});
