import { expect } from 'chai';
import { bootstrap } from '../../../../operator/bootstrap/bootstrap.ts';
import { GATEWAY_LINKS } from '../../../../mesh/gateways/terminating.ts';
import { SECRETS } from '../../../../mesh/installation/installation.ts';
import { type FakeConsul, fakeConsul } from '../../../support/fake-consul/fake-consul.ts';
import {
  ALL_WRITES,
  Killed,
  type WriteWatch,
  aclState,
  allSecrets,
  bootstrapParts,
  memoryStore,
  watchedConsul,
  watchedStore,
} from './parts.ts';

const failure = (run: Promise<void>): Promise<Error> =>
  run.then(
    () => expect.fail('it did not fail') as never,
    (error: unknown) => error as Error,
  );

describe('bootstrap', () => {
  let store: ReturnType<typeof memoryStore>;
  let consul: FakeConsul;

  beforeEach(() => {
    store = memoryStore();
    consul = fakeConsul({ acl: true });
  });

  const run = (watch: WriteWatch = {}, env: Record<string, string> = {}): Promise<void> =>
    bootstrap(
      bootstrapParts({
        store: watchedStore(store, watch),
        openConsul: (_ca, token) => watchedConsul(consul.connect(token), watch),
        env,
      }),
    );
  const management = async () => (await store.read(SECRETS.consulManagement))!['token']!;
  const state = async () => aclState(consul.connect(await management()).acl);

  it('makes everything in one run: Secrets first, then the ACLs', async () => {
    const writes: string[] = [];
    await run({ after: (write) => void writes.push(write) });
    expect(writes).to.deep.equal(ALL_WRITES);
  });

  it('changes nothing when it runs again', async () => {
    await run();
    const [secrets, acl] = [await allSecrets(store), await state()];
    const writes: string[] = [];
    await run({ before: (write) => void writes.push(write) });
    expect(await allSecrets(store)).to.deep.equal(secrets);
    expect(await state()).to.deep.equal(acl);
    expect(writes.filter((write) => /^(create|patch|delete)/.test(write))).to.deep.equal([]);
  });

  for (const write of new Set(ALL_WRITES)) {
    for (const moment of ['before', 'after'] as const) {
      it(`goes on after it was killed ${moment} "${write}"`, async () => {
        const error = await failure(
          run({
            [moment](done: string) {
              if (done === write) throw new Killed(write);
            },
          }),
        );
        expect(error).to.be.instanceOf(Killed);
        const stored = await allSecrets(store);
        await run();
        const secrets = await allSecrets(store);
        for (const [name, data] of Object.entries(stored)) {
          // The keys of admins come beside what the bridge has.
          if (data !== undefined) expect(secrets[name], name).to.include(data);
        }
        const whole = (await state()) as { policies: string[]; tokens: object[]; rules: object[] };
        expect(whole.policies).to.deep.equal([
          'landbridge-bridge',
          'landbridge-consul-dns',
          'landbridge-consul-server',
          'landbridge-edge',
          'landbridge-operator',
        ]);
        expect(whole.tokens).to.have.length(4);
        expect(whole.rules).to.have.length(3 + GATEWAY_LINKS);
      });
    }
  }

  it('ends in one state when several run at once', async () => {
    await Promise.all([run(), run(), run()]);
    const whole = (await state()) as { tokens: object[]; rules: object[] };
    expect(whole.tokens).to.have.length(4);
    expect(whole.rules).to.have.length(3 + GATEWAY_LINKS);
    const settled = await allSecrets(store);
    await run();
    expect(await allSecrets(store)).to.deep.equal(settled);
  });

  it('waits for a Consul that comes later', async () => {
    consul.available = false;
    let asked = 0;
    const parts = bootstrapParts({ store, openConsul: (_ca, token) => consul.connect(token) });
    parts.clock = {
      ...parts.clock,
      async wait() {
        if (++asked === 3) consul.available = true;
      },
    };
    await bootstrap(parts);
    expect(asked).to.equal(3);
  });

  it('tries again when the API server or Consul has a bad moment', async () => {
    const bad = new Set(['create landbridge-operator', 'acl bootstrap', 'policy landbridge-operator']);
    await run({
      after(write) {
        if (bad.delete(write)) throw Object.assign(new Error('it went away'), { kind: 'retry' });
      },
    });
    expect([...bad]).to.deep.equal([]);
  });

  it('gives up with the last reason when Consul does not come', async () => {
    consul.available = false;
    const error = await failure(run({}, { LANDBRIDGE_BOOTSTRAP_PATIENCE_SECONDS: '0.05' }));
    expect(error.message).to.match(/^gave up on a Consul leader after [01] s: No Consul server/);
  });

  it('stops at once on abort', async () => {
    consul.available = false;
    const stop = new AbortController();
    const parts = bootstrapParts({ store, openConsul: (_ca, token) => consul.connect(token), signal: stop.signal });
    parts.log = {
      ...parts.log,
      info: (fields: unknown) => fields instanceof Object && stop.abort(new Error('enough')),
    };
    expect((await failure(bootstrap(parts))).message).to.equal('enough');
  });

  it('says what to do when Consul knows another management token', async () => {
    await consul.connect('').acl.bootstrap('2cf5d0e2-0000-4000-8000-000000000000');
    const error = await failure(run());
    expect(error.message)
      .to.include('put the former one back into the Secret')
      .and.include('landbridge-consul-management');
    expect(error.message).not.to.include(await management());
  });

  it('replaces a token whose Secret was lost, and ends the old one', async () => {
    await run();
    const lost = (await store.read(SECRETS.operator))!;
    store.all.delete(SECRETS.operator);
    await run();
    const made = (await store.read(SECRETS.operator))!;
    expect(made['consul-token']).not.to.equal(lost['consul-token']);
    const accessors = (await consul.connect(await management()).acl.listTokens()).map(({ accessorId }) => accessorId);
    expect(accessors).to.include(made['consul-accessor']).and.not.to.include(lost['consul-accessor']);
  });

  it('follows new addresses of the bridge', async () => {
    await run();
    const before = (await store.read(SECRETS.bridgeAdmin))!;
    await run({}, { LANDBRIDGE_BRIDGE_ADVERTISE: 'mesh.example:443' });
    expect(await store.read(SECRETS.bridgeAdmin)).to.deep.equal({ ...before, addresses: 'mesh.example:443' });
  });
});
