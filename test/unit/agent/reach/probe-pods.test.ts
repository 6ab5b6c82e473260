import { type AddressInfo, type Server, createServer } from 'node:net';

import { expect } from 'chai';
import pino from 'pino';

import { BridgeRefusal } from '../../../../agent/bridge-client.ts';
import { probeOnce, probePods } from '../../../../agent/reach/probe-pods.ts';
import type { ProbeAnswer } from '../../../../mesh/outside/bridge-api.ts';
import type { ProbeResult } from '../../../../mesh/outside/bridge-shapes.ts';
import { fakeClock } from '../fake-clock.ts';

describe('an agent tries the pods that it calls', () => {
  let server: Server;
  before(async () => {
    server = createServer((socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => server.close());

  it('with a connection to each, and tells what it met', async () => {
    const { port } = server.address() as AddressInfo;
    const told: ProbeResult[][] = [];
    const targets = [
      { service: 'db', address: '127.0.0.1', port },
      { service: 'db', address: '127.0.0.1', port: 1 },
    ];
    const turn = await probeOnce(async (results) => {
      told.push(results);
      return { targets, nextMs: 1234 };
    });
    const results = [
      { ...targets[0]!, ok: true, output: 'connected' },
      { ...targets[1]!, ok: false, output: 'ECONNREFUSED' },
    ];
    expect(turn).to.deep.equal({ results, nextMs: 1234 });
    expect(told).to.deep.equal([[], results]);
  });

  it('and tells nothing when there is nothing to try', async () => {
    let asked = 0;
    await probeOnce(async () => (asked++, { targets: [], nextMs: 1 }));
    expect(asked).to.equal(1);
  });

  it('again when the bridge says, half a minute after it did not answer, and rarely when it does not know the question', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    let asked = 0;
    let answer: () => ProbeAnswer = () => ({ targets: [], nextMs: 60_000 });
    const ask = async (): Promise<ProbeAnswer> => (asked++, answer());
    const log = pino({ level: 'silent' });
    const ended = probePods({ ask, clock, random: () => 0.5, log, signal: stop.signal });
    await clock.advance(3000);
    expect(asked, 'soon after the start').to.equal(1);
    answer = () => {
      throw new Error('no bridge answers');
    };
    await clock.advance(60_000);
    expect(asked).to.equal(2);
    answer = () => {
      throw new BridgeRefusal(404, { code: 'noSuchPath', message: '' });
    };
    await clock.advance(30_000);
    expect(asked).to.equal(3);
    await clock.advance(599_000);
    expect(asked).to.equal(3);
    await clock.advance(1000);
    expect(asked).to.equal(4);
    stop.abort();
    await ended;
  });
});
