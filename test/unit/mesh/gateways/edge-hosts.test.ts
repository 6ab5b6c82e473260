import { expect } from 'chai';
import fc from 'fast-check';
import {
  HOSTS_A_NAMESPACE,
  HOST_KEPT_MS,
  type HostClaim,
  type HostRecords,
  type HostRules,
  ownHosts,
  starsAbove,
} from '../../../../mesh/gateways/edge-hosts.ts';

const NONE: HostRecords = new Map();
const claim = (namespace: string, host: string, age = 1, sharedWith: string[] = []): HostClaim => ({
  ...{ namespace, host, sharedWith, uid: `${namespace}-${host}` },
  createdAt: `2026-01-${`${age}`.padStart(2, '0')}T00:00:00Z`,
});
const rulesOf = (rules: Record<string, string[]>): HostRules => new Map(Object.entries(rules));
const decide = (claims: HostClaim[], before = NONE, rules: Record<string, string[]> = {}, nowMs = 1000) =>
  ownHosts(claims, before, rulesOf(rules), nowMs);

describe('the namespace that has a host at the edge', () => {
  it('is that of the oldest MeshService among new ones, by uid in the same second, in whatever order they come', () => {
    const claims = [claim('b', 'x.example', 2), claim('a', 'x.example', 1), claim('c', 'x.example', 1)];
    for (const order of [claims, claims.toReversed()]) {
      const hosts = decide(order);
      expect(hosts.ownerOf('x.example')).to.equal('a');
      expect(hosts.refusal('x.example', 'a')).to.equal(undefined);
      expect(hosts.refusal('x.example', 'b')).to.include('x.example belongs to namespace a, the first to expose it');
    }
  });

  const relations: [first: string, second: string, taken: boolean][] = [
    ['x.example', 'x.example', true],
    ['*.x.example', 'www.x.example', true],
    ['*.x.example', 'a.b.x.example', true],
    ['*.x.example', '*.b.x.example', true],
    ['www.x.example', '*.x.example', true],
    ['a.b.x.example', '*.example', true],
    ['*.b.x.example', '*.x.example', true],
    ['*.x.example', '*.x.example', true],
    ['x.example', 'www.x.example', false],
    ['www.x.example', 'x.example', false],
    ['*.x.example', 'x.example', false],
    ['x.example', '*.x.example', false],
    ['x.example', 'xx.example', false],
    ['*.x.example', 'y.xx.example', false],
    ['xn--bcher-kva.example', 'bcher-kva.example', false],
    ['example', '*.example', false],
  ];
  for (const [first, second, taken] of relations)
    it(`${taken ? 'of' : 'beside'} ${first} ${taken ? 'has' : 'does not have'} ${second}`, () => {
      const hosts = decide([claim('a', first, 1), claim('b', second, 2)]);
      expect(hosts.ownerOf(first)).to.equal('a');
      if (taken) expect(hosts.refusal(second, 'b')).to.include(`${first}`).and.include('namespace a');
      else expect(hosts.refusal(second, 'b')).to.equal(undefined);
    });

  it('keeps it from a MeshService that is older and asks for it later', () => {
    const first = decide([claim('a', 'x.example', 9)]);
    const later = decide(
      [claim('b', 'x.example', 1), claim('b', '*.example', 1), claim('a', 'x.example', 9)],
      first.records,
    );
    expect(later.ownerOf('x.example')).to.equal('a');
    expect(later.refusal('*.example', 'b')).to.include('*.example covers x.example');
  });

  it('keeps it for a day without any MeshService, and is the same again when one is back', () => {
    const first = decide([claim('a', 'x.example', 1)]);
    const waiting = claim('b', 'x.example', 2);
    const gone = decide([waiting], first.records, {}, 2000);
    expect(gone.refusal('x.example', 'b')).to.include(`until ${new Date(2000 + HOST_KEPT_MS).toISOString()}`);
    const still = decide([waiting], gone.records, {}, 1999 + HOST_KEPT_MS);
    expect(still.ownerOf('x.example')).to.equal('a');
    const back = decide([waiting, claim('a', 'x.example', 3)], still.records, {}, 1999 + HOST_KEPT_MS);
    expect(back.records.get('x.example')).to.not.have.property('freeAtMs');
    const over = decide([waiting], still.records, {}, 2000 + HOST_KEPT_MS);
    expect(over.ownerOf('x.example')).to.equal('b');
  });

  it('lets others in by its own word, below its star too, and out again', () => {
    const own = (shared: string[]) => [claim('a', 'x.example', 1, shared), claim('a', '*.x.example', 1, shared)];
    const others = [claim('b', 'x.example', 2), claim('b', 'pay.x.example', 2), claim('c', 'x.example', 2)];
    const shared = decide([...own(['b']), ...others]);
    expect(shared.refusal('x.example', 'b')).to.equal(undefined);
    expect(shared.refusal('pay.x.example', 'b')).to.equal(undefined);
    expect(shared.refusal('*.x.example', 'a')).to.equal(undefined);
    expect(shared.refusal('x.example', 'c')).to.be.a('string');
    expect(shared.ownerOf('x.example')).to.equal('a');
    const again = decide([...own([]), ...others], shared.records);
    expect(again.refusal('pay.x.example', 'b')).to.include('below *.x.example');
    expect(again.refusal('x.example', 'b')).to.be.a('string');
  });

  it('is the one that an administrator names, though another was there first', () => {
    const squat = decide([claim('b', '*.example', 1), claim('b', 'x.example', 1)]);
    const claims = [claim('b', '*.example', 1), claim('b', 'x.example', 1), claim('a', 'x.example', 2)];
    const ruled = decide(claims, squat.records, { 'x.example': ['a'] });
    expect(ruled.ownerOf('x.example')).to.equal('a');
    expect(ruled.refusal('x.example', 'b')).to.include(
      'edge.hosts in the values of the chart names others for x.example',
    );
    expect(ruled.refusal('*.example', 'b')).to.include('names others for x.example');
  });

  it('is first come among those that an administrator names for a star, and shared where one host is named', () => {
    const claims = [claim('a', 'x.apps.example', 1), claim('b', 'x.apps.example', 2), claim('c', 'y.apps.example', 1)];
    const star = decide(claims, NONE, { '*.apps.example': ['a', 'b'] });
    expect(star.refusal('x.apps.example', 'b')).to.include('belongs to namespace a');
    expect(star.refusal('y.apps.example', 'c')).to.include('edge.hosts');
    const one = decide(claims, NONE, { 'x.apps.example': ['a', 'b'] });
    expect(one.refusal('x.apps.example', 'b')).to.equal(undefined);
  });

  it('may be nobody for hosts that are not listed, by a star alone', () => {
    const hosts = decide([claim('a', 'x.example'), claim('a', 'y.example')], NONE, { '*': [], 'x.example': ['a'] });
    expect(hosts.ownerOf('x.example')).to.equal('a');
    expect(hosts.refusal('y.example', 'a')).to.include('all hosts that it does not list');
  });

  it('has at most a bounded number', () => {
    const many = Array.from({ length: HOSTS_A_NAMESPACE + 5 }, (_, index) => claim('b', `h${index}.example`, 1));
    const hosts = decide([...many, claim('a', 'x.example', 2)]);
    expect(hosts.records.size).to.equal(HOSTS_A_NAMESPACE + 1);
    expect(hosts.ownerOf('x.example')).to.equal('a');
    const refused = many.filter(({ host }) => hosts.refusal(host, 'b') !== undefined);
    expect(refused).to.have.length(5);
    expect(hosts.refusal(refused[0]!.host, 'b')).to.include('one host too many');
  });

  it('differs from others by names that every object has', () => {
    const hosts = decide([claim('a', 'constructor'), claim('b', '__proto__')]);
    expect(hosts.ownerOf('constructor')).to.equal('a');
    expect(hosts.ownerOf('toString')).to.equal(undefined);
  });

  it('never changes by what others claim later, and no two have hosts that meet', () => {
    const names = fc.constantFrom('x.example', '*.example', 'y.x.example', '*.x.example', 'example', '*.y.x.example');
    const claims = fc.array(
      fc.record({ namespace: fc.constantFrom('a', 'b', 'c'), host: names, age: fc.integer({ min: 1, max: 28 }) }),
    );
    fc.assert(
      fc.property(claims, claims, (early, late) => {
        const [old, young] = [early, late].map((all) =>
          all.map(({ namespace, host, age }) => claim(namespace, host, age)),
        );
        const first = decide(old!);
        const second = decide([...young!, ...old!], first.records, {}, 2000);
        for (const [host, { namespace }] of first.records) expect(second.ownerOf(host)).to.equal(namespace);
        for (const [host, { namespace }] of second.records)
          for (const star of starsAbove(host)) expect(second.ownerOf(star) ?? namespace).to.equal(namespace);
      }),
    );
  });
});
