import { expect } from 'chai';
import { inParallel } from '../../../base/in-parallel.ts';
import { eventually } from '../../support/eventually.ts';
import { HOST, SPELLINGS, type Spelling } from '../../support/envoy/path-attacks.ts';
import { readings } from '../../support/envoy/path-readers.ts';
import {
  type Arrival,
  PLACES,
  type PathRig,
  type Place,
  type Rule,
  type Version,
  startPathRig,
} from '../../support/rigs/path-rig.ts';

/** Each leaves a connection between sidecars, and its next answer comes from the rules under which it was opened. */
const AT_A_TIME = 4;

interface Story {
  rule: Rule;
  /** Whether a path as an app reads it is within the rule. */
  within: (path: string) => boolean;
  /** Targets that reach the app as they are. */
  good: string[];
  bad: string;
}

const RULES: Record<string, Story> = {
  prefix: {
    rule: { pathPrefix: '/public/' },
    within: (path) => path.startsWith('/public/'),
    good: [
      '/public/',
      '/public/x',
      '/public/a%20b',
      '/public/caf%C3%A9',
      '/public/a;v=1',
      '/public/.well-known/x',
      '/public/a..b/...c',
      '/public/~me',
      '/public/wait%E2%80%A6',
      '/public/100%25%20a%25%3F%25%C3%A9',
    ],
    bad: '/elsewhere',
  },
  exact: {
    rule: { path: '/public/orders' },
    within: (path) => path === '/public/orders',
    good: ['/public/orders', '/public/orders?x=..%2f'],
    bad: '/public/x',
  },
  regex: {
    rule: { pathRegex: '/public/items/[^/]+|/[a-z]+[^/]*/?[^/]*[.]json' },
    within: (path) => /^(\/public\/items\/[^/]+|\/[a-z]+[^/]*\/?[^/]*[.]json)$/s.test(path),
    good: ['/public/items/a', '/public/items/a%20b', '/x.json', '/shop/a.json'],
    bad: '/public/orders',
  },
};

/** The edge serves one host. A name means the same in capitals, with a dot at its end and with any port. */
const sameHost = (host: string): boolean =>
  host
    .toLowerCase()
    .replace(/(:\d*)?$/, '')
    .replace(/\.$/, '') === HOST;

/** Attacks on rules with a path, at each of the three proxies that enforce them. The app says what arrived. */
describe('access by path, under attack', function () {
  this.timeout(180_000);
  let rig: PathRig;
  before(async () => (rig = await startPathRig()));
  after(async () => {
    await rig?.stop();
  });

  /** Gives what arrived although an app reads it as a path outside the rule, or under a host that is not served. */
  async function attack(place: Place, within: Story['within'], over: Version = 'HTTP/1.1') {
    const tried: ({ spelling: Spelling } & Awaited<ReturnType<PathRig['send']>>)[] = [];
    await inParallel(SPELLINGS, AT_A_TIME, async (spelling) => {
      tried.push({ spelling, ...(await rig.send(place, spelling, over)) });
    });
    const wrong = tried.flatMap(({ spelling, status, arrived }) =>
      [
        ...(arrived.length > 1 ? [`arrived ${arrived.length} times`] : []),
        ...(status === 200 && arrived.length === 0 ? ['was answered by somebody else'] : []),
        ...arrived.flatMap((arrival) => faults(place, arrival, within)),
      ].map((fault) => `${named(spelling)}: ${status}, ${fault}`),
    );
    return { wrong, refused: tried.filter(({ arrived }) => arrived.length === 0).length };
  }

  const named = ({ target, host, headers }: Spelling): string =>
    JSON.stringify([target, host, headers].filter(Boolean));

  function faults(place: Place, { target, host }: Arrival, within: Story['within']): string[] {
    const outside = readings(target).filter(([, path]) => !within(path));
    return [
      ...outside.map(([reader, path]) => `arrived as ${target}, which is ${JSON.stringify(path)} for ${reader}`),
      ...(place !== 'edge' || sameHost(host) ? [] : [`arrived at the host ${host}`]),
    ];
  }

  /** A rule holds once it lets its own through and refuses what the rule before it let through, each time. */
  const holds = (places: readonly Place[], good: string, bad: string) =>
    eventually('the rule holds', 60_000, async () => {
      for (let time = 0; time < 10; time += 1)
        for (const place of places) {
          const [passed, refused] = [await rig.send(place, { target: good }), await rig.send(place, { target: bad })];
          if (passed.status !== 200 || refused.arrived.length > 0) return false;
        }
      return true;
    });

  for (const place of PLACES)
    it(`would get most spellings past the ${place} if access named no path`, async () => {
      await rig.allow({});
      await eventually(
        'all is let through',
        60_000,
        async () => (await rig.send(place, { target: '/admin' })).status === 200,
      );
      const { wrong } = await attack(place, (path) => path.startsWith('/public/'));
      expect(new Set(wrong.map((each) => each.split(': ')[0])).size).to.be.greaterThan(40);
    });

  for (const [kind, { rule, within, good, bad }] of Object.entries(RULES))
    describe(`a rule by ${kind}`, () => {
      before(async () => {
        await rig.allow(rule);
        await holds(PLACES, good[0]!, bad);
      });

      for (const place of PLACES)
        it(`lets nothing outside it reach the app by the ${place}, in whatever way apps read a path`, async () => {
          const { wrong, refused } = await attack(place, within);
          expect(wrong).to.deep.equal([]);
          expect(rig.strange()).to.deep.equal([]);
          console.info(`      ${SPELLINGS.length} spellings, of which ${refused} did not arrive`);
          for (const target of good) {
            const { status, arrived } = await rig.send(place, { target });
            expect({ status, arrived }, target).to.deep.equal({ status: 200, arrived: [{ target, host: HOST }] });
          }
        });
    });

  for (const place of PLACES)
    it(`lets nothing outside a rule by prefix reach the app by the ${place} over HTTP/2`, async () => {
      const { rule, within, good, bad } = RULES['prefix']!;
      await rig.allow(rule);
      await holds([place], good[0]!, bad);
      expect((await rig.send(place, { target: '/public/x' }, 'HTTP/2')).arrived).to.have.length(1);
      expect((await attack(place, within, 'HTTP/2')).wrong).to.deep.equal([]);
    });

  it('lets the edge ask for the paths of expose and nothing else, without a word in access', async () => {
    await rig.exposeOnly(['/public']);
    await holds(['edge'], '/public', '/refused');
    const { wrong } = await attack('edge', (path) => path === '/public' || path.startsWith('/public/'));
    expect(wrong).to.deep.equal([]);
    for (const target of ['/public', '/public/x', '/public/a%20b;v=1'])
      expect((await rig.send('edge', { target })).arrived).to.deep.equal([{ target, host: HOST }]);
  });

  it('leaves escaped slashes as they are where no rule names a path', async () => {
    await rig.allow({ methods: ['GET'] });
    const target = '/projects/group%2Frepo/files/a%5Cb;v=1//x';
    for (const place of PLACES)
      expect(
        await eventually(`it passes at the ${place}`, 30_000, async () => {
          const { arrived } = await rig.send(place, { target });
          return arrived.length > 0 ? arrived : undefined;
        }),
        place,
      ).to.deep.equal([{ target, host: HOST }]);
  });
});
