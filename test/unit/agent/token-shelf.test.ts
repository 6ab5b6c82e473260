import { expect } from 'chai';

import type { State, Tokens } from '../../../agent/state.ts';
import { openTokenShelf } from '../../../agent/token-shelf.ts';
import { fakeClock } from './fake-clock.ts';

const HOUR_MS = 3_600_000;

async function shelf(before: Tokens = {}) {
  const clock = fakeClock();
  const disk = { tokens: before };
  const state = {
    writeTokens: async (tokens: Tokens) => void (disk.tokens = structuredClone(tokens)),
  } as Pick<State, 'writeTokens'> as State;
  const tokens = openTokenShelf(state, before, clock);
  const issued = (token: string) => [
    { service: 'add-svc', token, expiresAt: new Date(clock.now().getTime() + HOUR_MS).toISOString() },
  ];
  return { clock, disk, state, tokens, issued };
}

describe('the tokens of a machine', () => {
  it('are asked for when there is none, and again from half their life on', async () => {
    const { clock, tokens, issued } = await shelf();
    expect(tokens.wants('add-svc', undefined)).to.equal(true);
    await tokens.put(issued('one'));
    expect(tokens.get('add-svc')).to.equal('one');
    await clock.advance(HOUR_MS / 2 - 1);
    expect(tokens.wants('add-svc', undefined)).to.equal(false);
    await clock.advance(1);
    expect(tokens.wants('add-svc', undefined)).to.equal(true);
    expect(tokens.get('add-svc'), 'the old one serves until a new one is there').to.equal('one');
  });

  it('are on disk before anybody uses them, and are there after a restart', async () => {
    const { disk, state, clock, tokens, issued } = await shelf();
    await tokens.put(issued('one'));
    expect(disk.tokens['add-svc']?.token).to.equal('one');
    expect(openTokenShelf(state, disk.tokens, clock).get('add-svc')).to.equal('one');
    await tokens.drop(['add-svc', 'unknown']);
    expect(disk.tokens).to.deep.equal({});
  });

  it('are asked for anew when Consul refused one, but not for what it said about the one before', async () => {
    const { clock, tokens, issued } = await shelf();
    await tokens.put(issued('one'));
    await clock.advance(60_000);
    expect(tokens.wants('add-svc', clock.monotonicMs())).to.equal(true);
    await tokens.put(issued('two'));
    await clock.advance(5000);
    expect(tokens.wants('add-svc', clock.monotonicMs()), 'a stream with the old one may still end').to.equal(false);
    await clock.advance(6000);
    expect(tokens.wants('add-svc', clock.monotonicMs())).to.equal(true);
  });
});
