import { expect } from 'chai';
import { judgementIn, waitingListener } from '../../../../mesh/service/waiting-listener.ts';
import type { Judgement } from '../../../../mesh/traffic/banner.ts';

describe('a listener that judges callers before it connects', () => {
  const made = (judgement: Judgement): string =>
    waitingListener({ address: '0.0.0.0', port: 20_000, appPort: 25, accessLog: 'none', judgement });

  it('tells how it judges, for one who has the listener alone', () => {
    for (const judgement of ['firstByte', { callers: [] }, { callers: ['a', 'b-c'] }] satisfies Judgement[])
      expect(judgementIn(made(judgement))).to.deep.equal(judgement);
    expect(judgementIn('{"name":"another"}')).to.equal(undefined);
    expect(judgementIn('nonsense')).to.equal(undefined);
  });

  it('leads to the app for the callers that it names, and for nobody where it names none', () => {
    const address = "'127.0.0.1:25'";
    expect(made({ callers: ['a', 'b-c'] })).to.contain(
      `%CEL((connection.uri_san_peer_certificate.endsWith('/svc/a') || connection.uri_san_peer_certificate.endsWith('/svc/b-c')) ? ${address} : '')%`,
    );
    expect(made({ callers: [] })).to.contain(`%CEL((false) ? ${address} : '')%`);
  });
});
