import { expect } from 'chai';
import { type Adoption, type FoundRegistration, adoption, adoptionPlan } from '../../../../mesh/outside/adoption.ts';

const found = (more: Partial<FoundRegistration> = {}, meta: Record<string, string> = {}): FoundRegistration => ({
  node: 'legacy-1',
  nodeAddress: '192.0.2.7',
  nodeMeta: { 'external-node': 'true' },
  agent: false,
  service: {
    ID: 'ledger-1',
    Service: 'ledger',
    Address: '',
    Port: 8090,
    Tags: ['old'],
    Meta: { team: 'books', ...meta },
  },
  health: 'passing',
  output: 'ok',
  definition: { http: 'http://192.0.2.7:8090/health?full=1', intervalMs: 30_000, timeoutMs: 2000 },
  ...more,
});
const adopted = (of: FoundRegistration, asked = {}): Adoption => {
  const made = adoption(of, { site: 'rack-1', ...asked });
  if (typeof made === 'string') throw new Error(made);
  return made;
};
const refused = (of: FoundRegistration, asked = {}): string => {
  const made = adoption(of, { site: 'rack-1', ...asked });
  if (typeof made !== 'string') throw new Error('it was taken over');
  return made;
};

describe('taking over what was registered by hand', () => {
  it('keeps its id, address, check, tags and metadata', () => {
    expect(adopted(found())).to.deep.equal({
      name: 'ledger-1',
      wanted: {
        site: 'rack-1',
        service: 'ledger',
        address: '192.0.2.7',
        port: 8090,
        check: { type: 'http', path: '/health?full=1', intervalMs: 30_000, timeoutMs: 2000 },
        tags: ['old'],
        meta: { team: 'books' },
      },
    });
  });

  it('shows what comes and what goes, and a name that changes', () => {
    const plan = adoptionPlan(found(), adopted(found(), { name: 'ledger-a' }));
    expect(plan[0]).to.equal('+ node ext.rack-1.ledger-a, owned by the bridge of this installation');
    expect(plan[1]).to.include('instance ledger-a (it was ledger-1), at 192.0.2.7:8090');
    expect(plan[2]).to.equal('- instance ledger-1 of ledger on node legacy-1, with its check');
  });

  it('reads checks of the other kinds, and takes another when told to', () => {
    const check = (definition: FoundRegistration['definition'], asked = {}) =>
      adopted(found({ definition }), asked).wanted.check;
    const times = { intervalMs: 1000, timeoutMs: 1000 };
    expect(check({ tcp: '192.0.2.7:8090' })).to.deep.equal({ type: 'tcp', ...times });
    expect(check({ grpc: '192.0.2.7:8090/books' })).to.deep.equal({ type: 'grpc', service: 'books', ...times });
    const told = { type: 'tcp', ...times };
    expect(check(undefined, { check: told })).to.deep.equal(told);
    expect(check({ tcp: '192.0.2.7:8090', intervalMs: 600_000, timeoutMs: 1 })).to.include({
      intervalMs: 60_000,
      timeoutMs: 50,
    });
  });

  it('refuses what it cannot check as before, and says what to do', () => {
    const message = 'say how it is checked, with --check http:PATH, tcp or grpc';
    for (const definition of [
      undefined,
      { http: 'https://192.0.2.7:8090/health' },
      { http: 'http://192.0.2.8:8090/health' },
      { http: 'not a url' },
      { tcp: '192.0.2.7:1' },
    ]) {
      expect(refused(found({ definition }))).to.include(message);
    }
  });

  it("refuses what is another owner's, and names the owner", () => {
    const mark = { 'landbridge-owner': 'bridge/rack-9/ledger' };
    expect(refused(found({ nodeMeta: mark }))).to.include('belongs to bridge/rack-9/ledger');
    expect(refused(found({}, mark))).to.include('belongs to bridge/rack-9/ledger');
    expect(refused(found({}, { 'external-source': 'nomad' }))).to.include('belongs to nomad');
  });

  it('refuses a service that a Consul agent would register again, and one that is not an app', () => {
    expect(refused(found({ agent: true }))).to.include('consul services deregister -id ledger-1');
    const proxy = { ...found().service, Kind: 'connect-proxy' as const };
    expect(refused(found({ service: proxy }))).to.include('is a connect-proxy');
  });
});
