import { expect } from 'chai';

import { watchConsulWay } from '../../../../agent/membership/consul-way.ts';
import { fakeClock } from '../fake-clock.ts';

function scene(addresses = ['10.89.0.2:30503'], answers: Record<string, string | undefined> = {}) {
  const clock = fakeClock();
  const state = { alone: true, changes: 0, tried: [] as string[], answers };
  const way = watchConsulWay({
    addresses,
    alone: () => state.alone,
    clock,
    changed: () => void (state.changes += 1),
    reach: async ({ address, port }) => {
      state.tried.push(`${address}:${port}`);
      const output = state.answers[address];
      return { ok: output === undefined, output: output ?? 'connected' };
    },
  });
  return { clock, state, way };
}

describe('the way from a machine to Consul', () => {
  it('is named with address and port when it is missing, long before Envoy says a word', async () => {
    const { clock, state, way } = scene(undefined, { '10.89.0.2': 'no answer within 2 s' });
    await clock.advance(2500);
    expect(way.problem()).to.equal(
      'this machine does not reach Consul at 10.89.0.2:30503 (no answer within 2 s): let it out to TCP port 30503 there',
    );
    expect(state.changes).to.equal(1);
    state.alone = false;
    await clock.advance(1500);
    expect([way.problem(), state.changes]).to.deep.equal([undefined, 2]);
  });

  it('is not tried while every Envoy has a stream, and each 5 s while one has none', async () => {
    const { clock, state, way } = scene();
    state.alone = false;
    await clock.advance(60_000);
    expect(state.tried).to.deep.equal([]);
    state.alone = true;
    await clock.advance(12_500);
    expect(state.tried).to.have.length(3);
    way.end();
    expect(clock.pending()).to.equal(0);
  });

  it('is there when one of several servers answers, and all are named when none does', async () => {
    const servers = ['10.0.0.1:8503', '[2001:db8::1]:8503'];
    const one = scene(servers, { '10.0.0.1': 'ECONNREFUSED' });
    await one.clock.advance(3000);
    expect(one.way.problem()).to.equal(undefined);
    const none = scene(servers, { '10.0.0.1': 'ECONNREFUSED', '2001:db8::1': 'EHOSTUNREACH' });
    await none.clock.advance(3000);
    expect(none.way.problem()).to.equal(
      'this machine does not reach Consul at 10.0.0.1:8503 (ECONNREFUSED), [2001:db8::1]:8503 (EHOSTUNREACH): let it out to TCP port 8503 there',
    );
  });
});
