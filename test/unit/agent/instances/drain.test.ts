import { createServer } from 'node:net';

import { expect } from 'chai';

import { type Drain, afterLook } from '../../../../agent/instances/drain.ts';
import { listenersOn, parseListeners } from '../../../../agent/machine/listening.ts';

const began: Drain = { listeners: ['100'], away: false };

describe('a drain', () => {
  it('goes on while the same app runs, healthy or not', () => {
    expect(afterLook(began, 'passing', ['100'])).to.deep.equal(began);
    expect(afterLook(began, 'unknown', [])).to.deep.equal(began);
  });

  it('is over when the check has failed and passes again', () => {
    const away = afterLook(began, 'critical', []);
    expect(away).to.deep.equal({ listeners: ['100'], away: true });
    expect(afterLook(away!, 'critical', ['200'])).to.deep.equal(away);
    expect(afterLook(away!, 'passing', ['200'])).to.equal(undefined);
  });

  it('is over when the app was replaced more quickly than the check could see', () => {
    expect(afterLook(began, 'passing', ['200'])).to.equal(undefined);
  });

  it('goes on when one of several listening sockets is still the old one', () => {
    expect(afterLook({ listeners: ['100', '101'], away: false }, 'passing', ['101', '102'])).to.not.equal(undefined);
  });

  it('does not end while sockets cannot be seen, which proves nothing', () => {
    expect(afterLook(began, 'passing', [])).to.deep.equal(began);
    const blind: Drain = { listeners: [], away: false };
    expect(afterLook(blind, 'passing', ['200'])).to.deep.equal(blind);
  });
});

describe('listening sockets', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1B59 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;

  it('are those in state LISTEN on the port', () => {
    expect(parseListeners(table, 7001)).to.deep.equal(['4711']);
    expect(parseListeners(table, 22)).to.deep.equal(['4713']);
    expect(parseListeners(table, 9)).to.deep.equal([]);
    expect(parseListeners('', 22)).to.deep.equal([]);
  });

  it('are other ones after an app was restarted on the same port', async () => {
    const listen = (port: number): Promise<{ port: number; close: () => Promise<unknown> }> =>
      new Promise((resolve) => {
        const server = createServer();
        server.listen(port, '127.0.0.1', () =>
          resolve({
            port: (server.address() as { port: number }).port,
            close: () => new Promise((closed) => server.close(closed)),
          }),
        );
      });
    const first = await listen(0);
    const before = await listenersOn(first.port);
    await first.close();
    const second = await listen(first.port);
    const after = await listenersOn(first.port);
    await second.close();
    expect(before).to.have.length(1);
    expect(after).to.have.length(1);
    expect(after).to.not.deep.equal(before);
  });
});
