import { expect } from 'chai';
import fc from 'fast-check';

import type { State, Tokens } from '../../../../agent/state/state.ts';
import { openTokenShelf } from '../../../../agent/state/token-shelf.ts';
import { watchTokenRefusals } from '../../../../agent/envoy/token-refusals.ts';
import { fakeClock } from '../fake-clock.ts';

const HOUR_MS = 3_600_000;
/** Envoy's line. */
const REFUSED =
  '[2026-01-01 00:00:00.000][7][warning][config] [./source/extensions/config_subscription/grpc/grpc_stream.h:226] DeltaAggregatedResources gRPC config stream to consul closed: 16, unauthenticated: ACL not found';

async function shelf(before: Tokens = {}) {
  const clock = fakeClock();
  const disk = { tokens: before };
  const state = {
    writeTokens: async (tokens: Tokens) => void (disk.tokens = structuredClone(tokens)),
  } as Pick<State, 'writeTokens'> as State;
  const tokens = openTokenShelf(state, before, clock);
  const issued = (token: string) => [
    { service: 'add-svc', token, expiresAt: new Date(clock.now() + HOUR_MS).toISOString() },
  ];
  return { clock, disk, state, tokens, issued };
}

describe('the tokens of a machine', () => {
  it('are requested when the shelf is empty, and again from half their life on', async () => {
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

  it('are requested again when Consul goes on refusing one, and not for refusals of the one before', async () => {
    const { clock, tokens, issued } = await shelf();
    const refusals = watchTokenRefusals(clock);
    const refusedTwice = async () => {
      refusals.hear(REFUSED);
      await clock.advance(500);
      refusals.hear(REFUSED);
    };
    await tokens.put(issued('one'));
    await clock.advance(60_000);
    await refusedTwice();
    expect(tokens.wants('add-svc', refusals.lastMs)).to.equal(true);
    await tokens.put(issued('two'));
    await clock.advance(5000);
    await refusedTwice();
    expect(tokens.wants('add-svc', refusals.lastMs), 'Envoy may not have read the new one').to.equal(false);
    await clock.advance(6000);
    await refusedTwice();
    expect(tokens.wants('add-svc', refusals.lastMs)).to.equal(true);
  });

  it('are rotated once in half a life, whenever Consul closes the stream that still has the one before', async () => {
    const HALF_MS = HOUR_MS / 2;
    const closings = fc.array(fc.integer({ min: 0, max: HALF_MS - 5001 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(closings, async (closedAfterMs) => {
        const { clock, tokens, issued } = await shelf();
        const refusals = watchTokenRefusals(clock);
        await tokens.put(issued('first'));
        await clock.advance(HALF_MS);
        for (const afterMs of closedAfterMs) {
          expect(tokens.wants('add-svc', refusals.lastMs), 'at half its life').to.equal(true);
          await tokens.put(issued('next'));
          await clock.advance(afterMs);
          refusals.hear(REFUSED);
          expect(tokens.wants('add-svc', refusals.lastMs), 'after the old stream was closed').to.equal(false);
          await clock.advance(HALF_MS - afterMs - 1);
          expect(tokens.wants('add-svc', refusals.lastMs), 'until half its life').to.equal(false);
          await clock.advance(1);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are requested again at the second refusal of a bad one, under any jitter of Envoy', async () => {
    const jitter = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(jitter, fc.integer({ min: 10_001, max: 600_000 }), async (jitters, badAfterMs) => {
        const { clock, tokens, issued } = await shelf();
        const refusals = watchTokenRefusals(clock);
        await tokens.put(issued('one'));
        await clock.advance(badAfterMs);
        let backOffMs = 500;
        for (const share of jitters) {
          refusals.hear(REFUSED);
          if (tokens.wants('add-svc', refusals.lastMs)) break;
          await clock.advance(Math.round(share * backOffMs));
          backOffMs = Math.min(2 * backOffMs, 30_000);
        }
        expect(tokens.wants('add-svc', refusals.lastMs)).to.equal(true);
        expect(clock.steady() - badAfterMs).to.be.at.most(500);
      }),
      { numRuns: 200 },
    );
  });

  it('are not requested again when Consul ends a stream for another reason', () => {
    const refusals = watchTokenRefusals(fakeClock());
    for (let times = 0; times < 3; times += 1) refusals.hear(REFUSED.replace(': 16,', ': 14,'));
    expect(refusals.lastMs).to.equal(undefined);
  });
});
