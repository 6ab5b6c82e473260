import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Gate, startGate } from '../../../bench/gate/gate.ts';

/** Answers each chunk with its own name and the chunk. */
async function startEcho(name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => void socket.write(`${name} ${chunk.toString()}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** As `once`, but a reset is what is expected here and no failure. */
const close = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

describe('the gate in front of Consul', () => {
  let one: Server;
  let two: Server;
  let gate: Gate;
  let sockets: Socket[];

  beforeEach(async () => {
    [one, two] = await Promise.all([startEcho('one'), startEcho('two')]);
    gate = await startGate(portOf(one));
    sockets = [];
  });
  afterEach(async () => {
    sockets.forEach((socket) => socket.destroy());
    await gate.close();
    for (const server of [one, two]) server.close();
  });

  const open = (): Socket => {
    const socket = connect(Number(gate.address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };
  const ask = async (socket: Socket, text: string): Promise<string> => {
    socket.write(text);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  };

  it('passes both ways while it is open', async () => {
    expect(await ask(open(), 'hello')).to.equal('one hello');
  });

  it('closes the connections at hand and all new ones while it refuses, and lets in again', async () => {
    const before = open();
    await ask(before, 'hello');
    const closed = close(before);
    await gate.turn('refused');
    await closed;
    const [error] = (await once(open(), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
    await gate.turn('open');
    expect(await ask(open(), 'again')).to.equal('one again');
  });

  it('keeps connections and passes nothing while it is frozen; bytes that were sent meanwhile arrive after', async () => {
    const old = open();
    await ask(old, 'hello');
    await gate.turn('frozen');
    const heard: string[] = [];
    const later = open();
    for (const socket of [old, later]) {
      socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
      socket.write('patience');
    }
    // The test asserts that nothing comes, so it has no event to wait for.
    await delay(100);
    expect(heard).to.deep.equal([]);
    expect([old.destroyed, later.destroyed]).to.deep.equal([false, false]);
    const both = Promise.all([once(old, 'data'), once(later, 'data')]);
    await gate.turn('open');
    await both;
    expect(heard).to.deep.equal(['one patience', 'one patience']);
  });

  it('leads to another port, for which it closes what leads to the first', async () => {
    const before = open();
    await ask(before, 'hello');
    const closed = close(before);
    gate.leadTo(portOf(two));
    await closed;
    expect(await ask(open(), 'hello')).to.equal('two hello');
  });

  it('holds the bytes for Consul as long as the test says, in order', async () => {
    const socket = open();
    await ask(socket, 'hello');
    gate.delayBy(80);
    const started = performance.now();
    expect(await ask(socket, 'late')).to.equal('one late');
    // A timer may be a millisecond early by another clock.
    expect(performance.now() - started).to.be.at.least(78);
  });
});
