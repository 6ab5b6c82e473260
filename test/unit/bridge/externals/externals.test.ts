import { expect } from 'chai';
import { type Externals, createExternals } from '../../../../bridge/externals/externals.ts';
import type { ProbeResult } from '../../../../checks/external.ts';
import { externalRequest } from '../../../../mesh/outside/bridge-api.ts';
import type { NodeEntry } from '../../../../mesh/catalog/entry.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';

const wanted = (address = '10.0.0.1') =>
  externalRequest.parse({
    site: 'rack-1',
    service: 'ledger',
    address,
    port: 80,
    check: { type: 'tcp', intervalMs: 1000 },
  });

describe('sidecar-less instances', () => {
  let clock: FakeClock;
  let externals: Externals;
  let writes: (NodeEntry | undefined)[];
  let underWay: ((result: ProbeResult) => void)[];
  let atOnce: number;
  let answer: ProbeResult | undefined;

  beforeEach(() => {
    clock = fakeClock();
    [writes, underWay, atOnce, answer] = [[], [], 0, { health: 'passing', output: 'ok' }];
    const desired = new Map<string, NodeEntry | undefined>();
    externals = createExternals({
      writer: {
        wanted: (name) => desired.get(name),
        want: async (name, _owner, node) => {
          desired.set(name, node);
          writes.push(node);
          return [];
        },
      },
      probe: () =>
        answer !== undefined
          ? Promise.resolve(answer)
          : new Promise((resolve) => {
              underWay.push(resolve);
              atOnce = Math.max(atOnce, underWay.length);
            }),
      clock,
      random: () => 0.5,
      maxInFlight: 4,
    });
  });
  afterEach(() => externals.close());

  const said = () => Object.values(writes.at(-1)!.registrations)[0]!.checks[0]!;

  it('have at most the allowed checks under way, and forget none', async () => {
    answer = undefined;
    const puts = Array.from({ length: 20 }, (_, index) => externals.put(`m${index}`, wanted()));
    for (let done = 0; done < 20; done += 1) {
      await clock.advance(0);
      underWay.shift()!({ health: 'passing', output: 'ok' });
    }
    await Promise.all(puts);
    expect(atOnce).to.equal(4);
    expect(externals.all().every(({ latest }) => latest.health === 'passing')).to.equal(true);
  });

  it('keep the output of the flip while the health stays, and show the newest all the same', async () => {
    await externals.put('m', wanted());
    answer = { health: 'critical', output: 'refused' };
    await clock.advance(1100);
    answer = { health: 'critical', output: 'no answer' };
    await clock.advance(1100);
    expect(said()).to.include({ Status: 'critical', Output: 'refused' });
    expect(externals.get('rack-1', 'm')!.latest.output).to.equal('no answer');
  });

  it('are not written by a check that was under way when they were replaced', async () => {
    await externals.put('m', wanted('10.0.0.1'));
    answer = undefined;
    await clock.advance(1100);
    const late = underWay.shift()!;
    answer = { health: 'passing', output: 'new' };
    await externals.put('m', wanted('10.0.0.2'));
    const before = writes.length;
    late({ health: 'critical', output: 'old' });
    await clock.advance(0);
    expect(writes).to.have.length(before);
    expect(writes.at(-1)!.Address).to.equal('10.0.0.2');
  });

  it('are not written again by a check that ends after they were stopped', async () => {
    await externals.put('m', wanted());
    answer = undefined;
    await clock.advance(1100);
    await externals.stop('rack-1', 'm');
    underWay.shift()!({ health: 'critical', output: 'old' });
    await clock.advance(5000);
    expect(writes.at(-1)).to.equal(undefined);
  });
});
