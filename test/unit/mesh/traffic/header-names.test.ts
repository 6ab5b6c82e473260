import { expect } from 'chai';
import type { MeshServiceSpecInput } from '../../../../crds/mesh-service.ts';
import { trafficProblems } from '../../../../mesh/traffic/problems/problems.ts';
import { aMeshService } from '../../../support/builders.ts';

const told = (spec: Partial<MeshServiceSpecInput>): string[] =>
  trafficProblems(aMeshService('web', { protocol: 'http', ...spec }), {
    cluster: 'c',
    named: () => [],
    joining: () => [],
  }).map(({ weight, message }) => `${weight}: ${message}`);
const access = (...names: string[]) =>
  told({ access: [{ from: 'a', headers: names.map((name) => ({ name, exact: 'x' })) }] });
const LOST = 'belongs to one connection, and a sidecar takes it off before it compares: match another header';

describe('the name of a header that requests are matched by', () => {
  it('is refused where it belongs to one connection, in access, in routes and in a hash', () => {
    expect(access('keep-alive')).to.deep.equal([`refuse: access of a: the header "keep-alive": ${LOST}`]);
    const headers = [{ name: 'transfer-encoding', present: true as const }];
    expect(told({ traffic: { routes: [{ name: 'r', headers, subset: 'pods' }] } })).to.deep.equal([
      `refuse: route "r": the header "transfer-encoding": ${LOST}`,
    ]);
    expect(told({ traffic: { loadBalancing: { policy: 'Maglev', hashOn: { header: 'keep-alive' } } } })).to.deep.equal([
      `refuse: spec.traffic.loadBalancing.hashOn: the header "keep-alive": ${LOST}`,
    ]);
  });

  it('is warned of where a proxy keeps it in some requests alone', () => {
    expect(access('connection', 'te')).to.deep.equal([
      'warn: access of a: a sidecar keeps the header "connection" in requests for a WebSocket alone: match upgrade, or match another header',
      'warn: access of a: a sidecar keeps the header "te" with the value trailers alone: match that, or match another header',
    ]);
  });

  it('is warned of where it is a slip away from a header that many programs send', () => {
    expect(access('x-forwared-for', 'autorization', 'user_agent')).to.deep.equal([
      'warn: access of a: few programs send a header "x-forwared-for"; did you mean "x-forwarded-for"?',
      'warn: access of a: few programs send a header "autorization"; did you mean "authorization"?',
      'warn: access of a: few programs send a header "user_agent"; did you mean "user-agent"?',
    ]);
  });

  it('is taken as it is otherwise, also host, upgrade and names that only the caller knows', () => {
    expect(
      access('host', 'upgrade', 'constructor', 'x-tenant', 'x_tenant', 'content-type', 'x-forwarded-for'),
    ).to.deep.equal([]);
  });

  it('is compared for the first 32 names of one object alone', () => {
    const rules = Array.from({ length: 64 }, (_, rule) => ({
      from: 'a',
      headers: Array.from({ length: 8 }, (_, i) => ({ name: `x-real-i${rule}${i}`.slice(0, 10), exact: 'x' })),
    }));
    expect(told({ access: rules }).length)
      .to.be.at.most(32)
      .and.above(0);
  });
});
