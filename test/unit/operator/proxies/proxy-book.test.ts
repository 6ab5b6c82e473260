import { expect } from 'chai';
import type { ProxyCounters } from '../../../../mesh/proxies/counters.ts';
import { proxyBook } from '../../../../operator/proxies/proxy-book.ts';

const WALL = Date.parse('2026-11-30T12:00:00Z');
const POD = { key: 'shop/web-0', name: 'pod web-0', scope: 'shop/web', calls: [] };
const probe = (listening: boolean, tries: number) => ({ port: 8080, listening, tries });
const silent = { instance: 'pod web-0', port: 8080, calls: true };

describe('the memory of an app that does not listen', () => {
  /** Looks at one pod every five seconds, and gives what is claimed after each look. */
  const looks = (...counters: Omit<ProxyCounters, 'updates'>[]) => {
    const book = proxyBook(() => undefined);
    return counters.map((one, i) => {
      book.took(
        POD,
        { counters: { updates: [], ...one }, heard: [], port: 8080 },
        { steadyMs: i * 5000, wallMs: WALL + i * 5000 },
      );
      return { silent: book.silent(POD.key, 8080), again: book.isTroubled(POD.key) };
    });
  };

  it('takes the counters of a first look as the base, and looks again soon when calls have failed before', () => {
    const long = { connects: 9, connectFails: 9, probe: probe(true, 4) };
    expect(looks(long, long)).to.deep.equal([
      { silent: undefined, again: true },
      { silent: undefined, again: false },
    ]);
    expect(looks({ ...long, connectFails: 0 })).to.deep.equal([{ silent: undefined, again: false }]);
  });

  it('claims it when calls fail after the first look, though a probe of long ago found the app', () => {
    const [, second] = looks(
      { connects: 9, connectFails: 9, probe: probe(true, 1) },
      { connects: 11, connectFails: 11, probe: probe(true, 1) },
    );
    expect(second?.silent).to.deep.equal(silent);
  });

  it('believes a probe that found the app since the last look more than calls that failed', () => {
    const [, second, third] = looks(
      { connects: 0, connectFails: 0, probe: probe(false, 1) },
      { connects: 2, connectFails: 2, probe: probe(true, 2) },
      { connects: 4, connectFails: 4, probe: probe(false, 3) },
    );
    expect(second?.silent).to.equal(undefined);
    expect(third?.silent).to.deep.equal(silent);
  });

  describe('after the MeshService got another port', () => {
    const at = (port: number, calls: [connects: number, connectFails: number]) => ({ port, calls });
    const moves = (...all: ReturnType<typeof at>[]) => {
      const book = proxyBook(() => undefined);
      return all.map(({ port, calls: [connects, connectFails] }, i) => {
        const counters = { updates: [], connects, connectFails, probe: probe(true, 1) };
        const now = { steadyMs: i * 5000, wallMs: WALL + i * 5000 };
        book.took(POD, { counters, heard: [], port }, now);
        return {
          silent: book.silent(POD.key, port),
          soon: book.isTroubled(POD.key),
          untried: book.isUntried(POD.key),
        };
      });
    };

    it('looks again until a call tells, since the probe of the pod tries the earlier port', () => {
      const [before, , waits, fails] = moves(at(8080, [4, 0]), at(80, [5, 0]), at(80, [5, 0]), at(80, [7, 2]));
      expect(before).to.deep.equal({ silent: undefined, soon: false, untried: false });
      expect(waits).to.include({ silent: undefined, untried: true });
      expect(fails?.silent).to.deep.equal({ instance: 'pod web-0', port: 80, calls: true });
    });

    it('says nothing of this port by what it knows of the earlier one', () => {
      const book = proxyBook(() => undefined);
      const take = (connects: number) =>
        book.took(
          POD,
          { counters: { updates: [], connects, connectFails: connects, probe: undefined }, heard: [], port: 8080 },
          { steadyMs: connects * 1000, wallMs: WALL },
        );
      [0, 2].forEach(take);
      expect(book.silent(POD.key, 8080)).to.deep.equal(silent);
      expect(book.silent(POD.key, 9090)).to.equal(undefined);
    });

    it('takes calls that failed at the earlier port for nothing, and ends to look when calls come through', () => {
      const [, , moved, through] = moves(at(8080, [4, 0]), at(80, [7, 2]), at(9090, [9, 4]), at(9090, [12, 4]));
      expect(moved).to.deep.equal({ silent: undefined, soon: true, untried: true });
      expect(through).to.deep.equal({ silent: undefined, soon: false, untried: false });
    });
  });

  it('counts from 0 when the Envoy started again', () => {
    const [, second] = looks(
      { connects: 9, connectFails: 9, probe: undefined },
      { connects: 1, connectFails: 1, probe: undefined },
    );
    expect(second?.silent).to.deep.equal(silent);
  });
});

describe('the memory of an app that speaks another protocol', () => {
  const WELL = { updates: [], connects: 4, connectFails: 0, probe: probe(true, 1) };
  const scene = () => {
    const book = proxyBook(() => undefined);
    const look = (
      protocolErrors: number,
      { answered = 0, protocol = 'http2' as 'http' | 'http2', port = 8080, steadyMs = 0 } = {},
    ) => {
      const counters = { ...WELL, calls: { answered, protocolErrors, closed: 0 } };
      book.took(POD, { counters, heard: [], port, protocol }, { steadyMs, wallMs: WALL });
      return book.mismatched(POD.key, 8080, protocol);
    };
    return { book, look };
  };

  it('claims it with port and protocol, looks again soon, and shows it as another view', () => {
    const { book, look } = scene();
    expect(look(0)).to.equal(undefined);
    const view = JSON.stringify(book.view(POD.key));
    expect(look(2)).to.deep.equal({ instance: 'pod web-0', port: 8080, protocol: 'http2', how: 'garbled' });
    expect(book.isTroubled(POD.key)).to.equal(true);
    expect(JSON.stringify(book.view(POD.key))).not.to.equal(view);
    expect(book.mismatched(POD.key, 8080, 'http'), 'of another protocol').to.equal(undefined);
    expect(look(2, { answered: 1 })).to.equal(undefined);
    expect(book.isTroubled(POD.key)).to.equal(false);
  });

  it('asks often whether a new app answers until a call tells, for ten minutes, and again after another protocol', () => {
    const { book, look } = scene();
    look(0);
    expect([book.isUnheard(POD.key, 1000), book.isUnheard(POD.key, 600_000)]).to.deep.equal([true, false]);
    look(0, { protocol: 'http', steadyMs: 700_000 });
    expect(book.isUnheard(POD.key, 701_000)).to.equal(true);
    look(0, { protocol: 'http', answered: 1, steadyMs: 702_000 });
    expect(book.isUnheard(POD.key, 703_000)).to.equal(false);
  });

  it('forgets the failures when the app starts again, and counts none while the app is not ready', () => {
    const { book, look } = scene();
    look(2);
    book.restarted(POD.key);
    expect(book.mismatched(POD.key, 8080, 'http2')).to.equal(undefined);
    expect(look(2)).to.equal(undefined);
    expect(look(9, { port: 0 })).to.equal(undefined);
  });
});
