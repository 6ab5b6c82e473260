import { expect } from 'chai';
import { callDoubts } from '../../../../agent/instances/call-doubts.ts';
import { NO_CALLS } from '../../../../mesh/proxies/app-calls.ts';

describe('the doubt of an agent about calls of a healthy instance', () => {
  const scene = () => {
    let nowMs = 0;
    const doubts = callDoubts({ steady: () => nowMs });
    return {
      doubts,
      hear(ms: number, connected: boolean, protocolErrors = 0) {
        nowMs = ms;
        doubts.hear({ calls: { ...NO_CALLS, protocolErrors }, live: true, connected, protocol: 'http2' });
      },
    };
  };

  it('is there once its Envoy was without Consul for ten seconds, with the cause where one is known', () => {
    const { doubts, hear } = scene();
    hear(0, false);
    hear(60_000, false);
    expect(doubts.doubt(80, undefined), 'before its first stream').to.equal(undefined);
    hear(61_000, true);
    hear(70_000, false);
    expect(doubts.doubt(80, undefined)).to.equal(undefined);
    hear(71_000, false);
    expect(doubts.doubt(80, undefined)).to.equal('its Envoy hears nothing new from Consul: it has no stream to Consul');
    expect(doubts.doubt(80, 'this machine does not reach Consul at [::1]:8503 (ECONNREFUSED)')).to.contain(
      '[::1]:8503',
    );
    hear(72_000, true);
    expect(doubts.doubt(80, undefined)).to.equal(undefined);
  });

  it('names the protocol that the app does not speak, beside the other', () => {
    const { doubts, hear } = scene();
    hear(0, true, 2);
    expect(doubts.doubt(8080, undefined)).to.match(/^the app at port 8080 does not answer in HTTP\/2/);
    hear(20_000, false, 2);
    expect(doubts.doubt(8080, undefined)).to.match(/^its Envoy hears nothing.*; the app at port 8080/);
  });
});
