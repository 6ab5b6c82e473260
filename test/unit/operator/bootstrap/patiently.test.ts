import { expect } from 'chai';
import { type Patience, patiently } from '../../../../operator/bootstrap/patiently.ts';

const passing = (message: string) => Object.assign(new Error(message), { kind: 'retry' });
const lasting = (message: string) => Object.assign(new Error(message), { kind: 'fix' });
const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.fail('it did not fail') as never,
    (error: unknown) => (error as Error).message,
  );

describe('patiently', () => {
  let nowMs: number;
  let pauses: number[];
  let reports: object[];
  let stop: AbortController;
  let patience: Patience;

  beforeEach(() => {
    [nowMs, pauses, reports, stop] = [0, [], [], new AbortController()];
    const info = (fields: object) => void reports.push(fields);
    patience = {
      clock: {
        now: () => nowMs,
        steady: () => nowMs,
        wait: async (ms) => {
          pauses.push(ms);
          nowMs += ms;
        },
      },
      random: () => 1,
      log: { debug: info, info, warn: info, error: info } as unknown as Patience['log'],
      signal: stop.signal,
      patienceMs: 60_000,
    };
  });

  it('pauses longer each time, up to one second', async () => {
    let left = 7;
    await patiently('it', patience, async () => {
      if (left-- > 0) throw passing('not yet');
    });
    expect(pauses).to.deep.equal([100, 200, 400, 800, 1000, 1000, 1000]);
  });

  it('does not try again what will not pass', async () => {
    let tries = 0;
    const failing = patiently('it', patience, async () => {
      tries++;
      throw lasting('never');
    });
    expect(await message(failing)).to.equal('never');
    expect(tries).to.equal(1);
  });

  it('reports at once, then every ten seconds, and gives up with the last reason', async () => {
    const failing = patiently('the thing', patience, async () => {
      throw passing('not yet');
    });
    expect(await message(failing)).to.match(/^gave up on the thing after 6[01] s: not yet$/);
    expect(reports).to.have.length.within(6, 7);
    expect(reports[0]).to.deep.equal({ step: 'the thing', waitedMs: 0, error: 'not yet' });
  });

  it('throws the reason of the signal, also when the task failed because of it', async () => {
    const failing = patiently('it', patience, async () => {
      stop.abort(new Error('stopped'));
      throw passing('cut off');
    });
    expect(await message(failing)).to.equal('stopped');
  });
});
