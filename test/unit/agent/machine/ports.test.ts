import { createServer } from 'node:net';

import { expect } from 'chai';

import { choosePort, isPortFree } from '../../../../agent/machine/ports.ts';
import { MACHINE_SIDECARS } from '../../../../mesh/names/sidecar-ports.ts';
import { openPortBook } from '../../../../agent/instances/port-book.ts';
import type { Ports, State } from '../../../../agent/state/state.ts';

const { first, last } = MACHINE_SIDECARS;
const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
const choose = (wish: { had?: number; others?: number[]; busy?: number[] }): Promise<number | undefined> =>
  choosePort({
    had: wish.had,
    others: new Set(wish.others),
    isFree: async (port) => !(wish.busy ?? []).includes(port),
  });

describe("a sidecar's port", () => {
  it('is the first of the range that is neither used by another process nor held by another instance', async () => {
    expect(await choose({})).to.equal(21000);
    expect(await choose({ others: [21000, 21001], busy: [21002] })).to.equal(21003);
  });

  it('stays the one it had while that is free, and is another when it is not', async () => {
    expect(await choose({ had: 21107 })).to.equal(21107);
    expect(await choose({ had: 21107, busy: [21107] })).to.equal(21000);
    expect(await choose({ had: 21107, others: [21107] })).to.equal(21000);
  });

  it('is the last one when 255 are taken, and none when all 256 are', async () => {
    expect(await choose({ busy: all.slice(0, -1) })).to.equal(21255);
    expect(await choose({ busy: all })).to.equal(undefined);
  });

  it('is seen as taken when a process listens on it on one address only', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    expect(await isPortFree(port)).to.equal(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(port)).to.equal(true);
  });
});

describe('the book of ports', () => {
  const open = (ports: Ports) => {
    const kept = { ports };
    const state: Pick<State, 'writePorts'> = { writePorts: async (written) => void (kept.ports = written) };
    const failed = (message: string) => expect.fail(message);
    // A unit test must not depend on the free ports of this machine.
    return { kept, book: openPortBook(state, ports, failed, async () => true) };
  };

  it('does not promise a new instance the port of one that is not running just now', async () => {
    const { book: ports, kept } = open({ old: 21000 });
    const port = await ports.choose('new', new Map());
    expect(port).to.equal(21001);
    expect(kept.ports).to.deep.equal({ old: 21000, new: port });
    expect(await ports.choose('old', new Map([['new', { sidecarPort: port }]]))).to.equal(21000);
  });

  it('remembers at most as many ports as a machine may have', async () => {
    const { book: ports, kept } = open(Object.fromEntries(all.map((port, index) => [`i${index}`, port])));
    expect(await ports.choose('one-more', new Map())).to.be.within(21000, 21255);
    expect(Object.keys(kept.ports)).to.have.length(256);
  });
});
