import { X509Certificate, createHash } from 'node:crypto';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { BridgeRefusal, BridgeUnreachable, makeBridgeClient } from '../../../agent/bridge-client.ts';
import { firstContact } from '../../../cli/vm/first-contact.ts';
import { type KeyPair, createAuthority, issue } from '../../../clients/pki/authority.ts';

interface Fake {
  address: string;
  connections: number;
  requests: string[];
  /** What to do with a request; default: answer 200 and who the client is. */
  act: ((requestsOnThisConnection: number) => { status: number; body: string } | 'hang' | 'cut') | undefined;
  hangUp(): void;
  close(): void;
}

const fingerprint = (pem: string): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
const LIMITS = { connectMs: 500, answerMs: 400 };

/** The agent's client against real TLS servers that misbehave as real ones do. */
describe('the way from an agent to its bridges', () => {
  let ca: KeyPair;
  let serving: KeyPair;
  let hostCertificate: KeyPair;
  const running: Fake[] = [];

  const serve = async (certificate: KeyPair = serving): Promise<Fake> => {
    const counts = new WeakMap<object, number>();
    const options = { cert: certificate.certPem + ca.certPem, key: certificate.keyPem, ca: ca.certPem };
    const server: Server = createServer({ ...options, requestCert: true, rejectUnauthorized: false });
    const fake: Fake = {
      address: '',
      connections: 0,
      requests: [],
      act: undefined,
      hangUp: () => server.closeAllConnections(),
      close: () => {
        server.close();
        server.closeAllConnections();
      },
    };
    server.on('secureConnection', () => (fake.connections += 1));
    server.on('request', (request, response) => {
      fake.requests.push(request.url ?? '');
      const count = (counts.get(request.socket) ?? 0) + 1;
      counts.set(request.socket, count);
      const client = (request.socket as TLSSocket).getPeerCertificate()?.subject?.CN ?? 'nobody';
      const action = fake.act?.(count) ?? { status: 200, body: JSON.stringify({ client }) };
      if (action === 'cut') request.socket.destroy();
      else if (action !== 'hang') response.writeHead(action.status).end(action.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    fake.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    running.push(fake);
    return fake;
  };
  const client = (...fakes: Fake[]) =>
    makeBridgeClient({
      bridges: fakes.map(({ address }) => address),
      credentials: { bridgeCa: ca.certPem, certificate: hostCertificate.certPem, key: hostCertificate.keyPem },
      limits: () => LIMITS,
    });
  const failure = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      (value) => expect.fail(`it was answered: ${JSON.stringify(value)}`),
      (error: Error) => error,
    );

  before(async () => {
    const life = { nowMs: Date.now(), days: 1 };
    ca = await createAuthority('bridge CA', life);
    serving = await issue(ca, {
      commonName: 'landbridge-bridge',
      dns: ['landbridge-bridge'],
      usage: 'server',
      ...life,
    });
    hostCertificate = await issue(ca, {
      commonName: 'vm1',
      uris: ['landbridge://rack-1/vm1'],
      usage: 'client',
      ...life,
    });
  });
  afterEach(() => running.splice(0).forEach((fake) => fake.close()));

  it('is one connection for many beats, proved with the host certificate', async () => {
    const bridge = await serve();
    const to = client(bridge);
    for (let beat = 0; beat < 5; beat += 1) expect(await to.post('/v1/beat', {})).to.deep.equal({ client: 'vm1' });
    expect(bridge.connections).to.equal(1);
    to.close();
  });

  it('asks again when a kept connection ends under a request, and not when a new one does', async () => {
    const bridge = await serve();
    const to = client(bridge);
    await to.post('/v1/beat', {});
    bridge.act = (count) => (count > 1 ? 'cut' : { status: 200, body: '{"again":true}' });
    expect(await to.post('/v1/beat', {})).to.deep.equal({ again: true });
    expect(bridge.requests).to.have.length(3);
    bridge.act = () => 'cut';
    to.close();
    const fresh = client(bridge);
    await failure(fresh.post('/v1/join', {}));
    expect(bridge.requests.filter((path) => path === '/v1/join')).to.have.length(1);
    fresh.close();
  });

  it('tells when the bridge hangs up on it, and not when it hangs up itself', async () => {
    const bridge = await serve();
    const credentials = { bridgeCa: ca.certPem, certificate: hostCertificate.certPem, key: hostCertificate.keyPem };
    let [hungUp, told]: [number, (() => void) | undefined] = [0, undefined];
    const onHungUp = (): void => {
      hungUp += 1;
      told?.();
    };
    const to = makeBridgeClient({ bridges: [bridge.address], credentials, limits: () => LIMITS, onHungUp });
    for (let beat = 1; beat <= 3; beat += 1) {
      await to.post('/v1/beat', {});
      const telling = new Promise<void>((resolve) => (told = resolve));
      bridge.hangUp();
      await telling;
      expect(hungUp).to.equal(beat);
    }
    await to.post('/v1/beat', {});
    bridge.act = (count) => (count > 1 ? 'cut' : { status: 200, body: '{}' });
    await to.post('/v1/beat', {});
    to.use(credentials);
    await to.post('/v1/beat', {});
    to.close();
    // The closing above is noticed before a later connection ends.
    const other = client(bridge);
    bridge.act = undefined;
    await other.post('/v1/beat', {});
    other.close();
    expect(hungUp, 'under a request, by new credentials, and at the end').to.equal(3);
  });

  it('goes to the next bridge when one is silent for its time, and stays there', async () => {
    const [silent, other] = [await serve(), await serve()];
    silent.act = () => 'hang';
    const to = client(silent, other);
    const started = performance.now();
    await to.post('/v1/beat', {});
    expect(performance.now() - started).to.be.at.least(LIMITS.answerMs - 20);
    await to.post('/v1/beat', {});
    expect({ silent: silent.requests.length, other: other.requests.length }).to.deep.equal({ silent: 1, other: 2 });
    expect(to.bridge()).to.equal(other.address);
    to.close();
  });

  it('takes a no for an answer, but asks another bridge when one has trouble of its own', async () => {
    const [first, second] = [await serve(), await serve()];
    first.act = () => ({ status: 403, body: '{"code":"hostRevoked","message":"vm1 was revoked"}' });
    const to = client(first, second);
    const refusal = await failure(to.post('/v1/beat', {}));
    expect(refusal).to.be.instanceOf(BridgeRefusal).and.include({ status: 403, code: 'hostRevoked' });
    expect(refusal.message).to.equal('vm1 was revoked');
    expect(second.requests).to.deep.equal([]);
    first.act = () => ({ status: 503, body: '{"code":"starting","message":"not yet"}' });
    expect(await to.post('/v1/beat', {})).to.deep.equal({ client: 'vm1' });
    to.close();
  });

  it('names every bridge and what happened there when none answers', async () => {
    const [dead, odd] = [await serve(), await serve()];
    dead.close();
    odd.act = () => ({ status: 200, body: '<html>' });
    const to = client(dead, odd);
    const error = await failure(to.post('/v1/beat', {}));
    expect(error).to.be.instanceOf(BridgeUnreachable);
    expect(error.message).to.equal(
      `No bridge answers (${dead.address}: connection refused; ${odd.address}: its answer (HTTP 200) is not JSON: is a bridge listening there?).`,
    );
    to.close();
  });

  it('does not take a host that shows its own certificate for a bridge', async () => {
    const impostor = await serve(hostCertificate);
    const to = client(impostor);
    await failure(to.post('/v1/beat', {}));
    expect(impostor.requests).to.deep.equal([]);
    to.close();
  });

  it('does not take a server of another authority for a bridge', async () => {
    const life = { nowMs: Date.now(), days: 1 };
    const otherCa = await createAuthority('another CA', life);
    const other = await issue(otherCa, { commonName: 'x', dns: ['landbridge-bridge'], usage: 'server', ...life });
    const stranger = await serve(other);
    const to = client(stranger);
    expect((await failure(to.post('/v1/beat', {}))).message).to.include('another authority');
    expect(stranger.requests).to.deep.equal([]);
    to.close();
  });

  it('begins with the authority of the invite, from whichever bridge shows it, and says nothing before', async () => {
    const [dead, bridge] = [await serve(), await serve()];
    dead.close();
    const contact = await firstContact([dead.address, bridge.address], fingerprint(ca.certPem));
    expect(contact.bridgeCa.trim()).to.equal(ca.certPem.trim());
    expect(bridge.requests).to.deep.equal([]);
    const error = await failure(firstContact([bridge.address, 'nonsense'], '00'.repeat(32)));
    expect(error.message).to.include(`${bridge.address}: it is not the bridge that the invite names`);
    expect(error.message).to.include('nonsense: not host:port');
  });

  it('knows how far the clock of this machine is from that of the bridge', async () => {
    const { address } = await serve();
    const hourAhead = (): number => Date.now() + 3_600_000;
    const made = makeBridgeClient({
      bridges: [address],
      credentials: { bridgeCa: ca.certPem },
      limits: () => LIMITS,
      now: hourAhead,
    });
    try {
      expect(made.skewMs(), 'before any answer').to.equal(undefined);
      await made.post('/v1/beat', {});
      // The bridge's Date has whole seconds.
      expect(made.skewMs()).to.be.within(3_600_000 - 1000, 3_600_000 + 5000);
    } finally {
      made.close();
    }
  });
});
