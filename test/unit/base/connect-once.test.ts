import { once } from 'node:events';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { expect } from 'chai';
import { connectOnce } from '../../../base/connect-once.ts';

const never = new AbortController().signal;

describe('connectOnce', () => {
  let server: Server;
  let seen: Promise<{ bytes: number }>;
  const at = (): { address: string; port: number } => ({
    address: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  });

  beforeEach(async () => {
    server = createServer();
    seen = once(server, 'connection').then(async ([socket]) => {
      socket.resume();
      await once(socket, 'close');
      return { bytes: socket.bytesRead };
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  it('connects to a listener, and ends the connection without a byte', async () => {
    expect(await connectOnce(at(), never)).to.equal('connected');
    expect(await seen).to.deep.equal({ bytes: 0 });
  });

  it('gives the error of the system when nothing listens', async () => {
    const place = at();
    server.close();
    await once(server, 'close');
    expect(await connectOnce(place, never)).to.include({ code: 'ECONNREFUSED' });
  });

  it('is late once its signal has aborted, before or while it connects', async () => {
    expect(await connectOnce(at(), AbortSignal.abort())).to.equal('late');
    const stop = new AbortController();
    const tried = connectOnce(at(), stop.signal);
    stop.abort();
    expect(await tried).to.equal('late');
  });
});
