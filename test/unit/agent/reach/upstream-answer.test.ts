import { expect } from 'chai';
import { judgeAnswer, takenPort } from '../../../../agent/reach/upstream-answer.ts';

const RESET = 'upstream connect error or disconnect/reset before headers. reset reason: ';
const judged = (status: number, body: string, fromCallee: boolean) =>
  judgeAnswer('web', { status, body, fromCallee, tookMs: 12.4 });

describe('the judgement of an answer from an upstream', () => {
  it('counts any answer of the app, its own errors included', () => {
    for (const status of [200, 301, 403, 404, 426, 500, 502, 503, 504])
      expect(judged(status, 'an answer of the app', true)).to.deep.equal({
        ok: true,
        output: `GET / answered ${status} in 12 ms`,
      });
  });

  it('names spec.protocol when the app speaks another one', () => {
    const { ok, output } = judged(502, `${RESET}protocol error`, true);
    expect(ok).to.equal(false);
    expect(output).to.contain('give spec.protocol of MeshService web').and.to.contain('GET / answered 502 in 12 ms');
  });

  it('tells an app that does not listen from an instance that is not reached', () => {
    const words = `${RESET}remote connection failure`;
    expect(judged(503, words, true).output).to.contain('its app does not accept connections');
    expect(judged(503, words, false).output).to.match(/^no instance can be reached/);
  });

  it('names the time limit of the service', () => {
    expect(judged(504, 'upstream request timeout', false).output).to.contain('spec.traffic.timeout of MeshService web');
  });

  it('says where to look when no instance takes traffic, and what to write when it may not be called', () => {
    expect(judged(503, 'no healthy upstream', false).output).to.contain('no instance of web takes traffic');
    expect(judged(403, 'RBAC: access denied', true).output).to.contain('name this service in spec.access');
  });
});

describe('a local port of an upstream that another program holds', () => {
  const upstream = { service: 'web', localPort: 8091 };

  it('is known by the words of Envoy, for just that port', () => {
    for (const words of ["cannot bind '127.0.0.1:8091': Address already in use", 'x: cannot bind 127.0.0.1:8091: y'])
      expect(takenPort(upstream, words)).to.match(
        /^another program listens at 127.0.0.1:8091, so calls reach that program/,
      );
    for (const words of [undefined, '', "cannot bind '127.0.0.1:80911'", "cannot bind '127.0.0.1:809'", 'no stream'])
      expect(takenPort(upstream, words), words).to.equal(undefined);
  });
});
