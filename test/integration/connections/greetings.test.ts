import { once } from 'node:events';
import { type Server, type Socket, connect, createServer } from 'node:net';
import { type TLSSocket, connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';
import type { MeshServiceSpecInput } from '../../../crds/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type TrafficRig, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

type Spec = Partial<MeshServiceSpecInput>;

/** The first words of servers, as their protocols have them. */
const GREETINGS = {
  smtp: '220 mail.example ESMTP\r\n',
  // The packet of a MySQL 8 server, cut after the version.
  mysql: '\x4a\x00\x00\x00\x0a8.0.36\x00',
  ssh: 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n',
};

/** The most that a caller hears of a server that greets: real Consul, real Envoys, real sockets. */
describe('a tcp service whose server speaks first', function () {
  this.timeout(180_000);
  let rig: TrafficRig;
  const ports: Record<string, Record<string, number>> = { friend: {}, stranger: {} };
  const connections: Record<string, number> = {};
  const open = new Set<Socket>();
  const servers: Server[] = [];

  /** The services, and the words of their MeshServices. */
  const SERVICES: Record<string, { greeting: string; spec: Spec }> = {
    'smtp-named': { greeting: GREETINGS.smtp, spec: { access: [{ from: 'friend' }] } },
    'mysql-named': {
      greeting: GREETINGS.mysql,
      spec: { access: [{ from: 'other' }, { from: 'friend' }], speaksFirst: 'Server' },
    },
    'ssh-nobody': { greeting: GREETINGS.ssh, spec: { access: [] } },
    'smtp-unsaid': { greeting: GREETINGS.smtp, spec: {} },
    'smtp-all': { greeting: GREETINGS.smtp, spec: { access: [{ from: '*' }] } },
  };
  const ECHO = 'echo-tls';

  before(async () => {
    rig = await startTrafficRig();
    const names = [...Object.keys(SERVICES), ECHO];
    for (const [name, { spec }] of Object.entries(SERVICES)) await rig.declare(name, { protocol: 'tcp', ...spec });
    await rig.declare(ECHO, { protocol: 'tcp', access: [{ from: 'friend' }] });
    for (const caller of Object.keys(ports)) {
      const free = await freePorts(names.length);
      const upstreams = names.map((service, at) => ({ service, localPort: free[at]! }));
      ports[caller] = Object.fromEntries(upstreams.map(({ service, localPort }) => [service, localPort]));
      await rig.declare(caller, { upstreams });
      await rig.member(caller, 'pod', upstreams);
    }
    for (const name of names) {
      const [appPort = 0] = await freePorts(1);
      const server = name === ECHO ? await tlsServer() : createServer();
      connections[name] = 0;
      // Of a server of TLS each TCP connection counts, also one without a handshake.
      server.on('connection', (socket: Socket) => {
        connections[name]! += 1;
        open.add(socket.on('error', () => undefined));
        if (name !== ECHO) socket.write(SERVICES[name]!.greeting, 'latin1');
      });
      server.on(name === ECHO ? 'secureConnection' : 'connection', (socket: Socket) =>
        socket.on('data', (part: Buffer) => socket.write(`echo ${part.toString('latin1')}`)),
      );
      server.listen(appPort, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
      await rig.member(name, name === 'mysql-named' ? 'vm' : 'pod', [], { appPort, accessLog: 'json' });
    }
    for (const name of ['smtp-named', 'mysql-named', 'smtp-all'])
      await eventually(`${name} greets the friend`, 30_000, async () => (await hear('friend', name)).text.length > 0);
  });
  after(async () => {
    for (const socket of open) socket.destroy();
    for (const server of servers) server.close();
    await rig?.stop();
  });

  async function tlsServer(): Promise<Server> {
    const nowMs = Date.now();
    const authority = await createAuthority('app', { nowMs, days: 1 });
    const pair = await issue(authority, { commonName: 'app', dns: ['app.example'], usage: 'server', nowMs, days: 1 });
    return createTlsServer({ cert: pair.certPem, key: pair.keyPem });
  }

  /** All that a caller hears until it is hung up on, or until there is something and `enough` says so. It says `words` at once, if any. */
  async function hear(caller: string, service: string, words = '', enough = (text: string) => text.length > 0) {
    const before = connections[service]!;
    const socket = connect({ host: '127.0.0.1', port: ports[caller]![service]! });
    let text = '';
    socket.on('error', () => undefined);
    if (words !== '') socket.write(words);
    await new Promise<void>((resolve) => {
      socket.setTimeout(20_000, resolve);
      socket.on('data', (part: Buffer) => {
        text += part.toString('latin1');
        if (enough(text)) resolve();
      });
      socket.once('close', () => resolve());
    });
    socket.destroy();
    return { text, connections: connections[service]! - before };
  }

  const FULL = Object.entries(SERVICES).flatMap(([name, { greeting, spec }]) =>
    ['friend', 'stranger'].map((caller) => {
      const may = (spec.access ?? []).some(({ from }) => from === caller || from === '*');
      return { name, caller, may, greeting };
    }),
  );
  for (const { name, caller, may, greeting } of FULL)
    it(`${may ? 'greets' : 'says nothing to'} the ${caller} that waits, and the one that speaks at once: ${name}`, async () => {
      for (let turn = 0; turn < 10; turn += 1)
        for (const words of ['', 'EHLO me\r\n']) {
          const enough = (text: string): boolean =>
            text.length >= greeting.length && (words === '' || text.includes('echo'));
          const heard = await hear(caller, name, words, enough);
          expect(heard.text.startsWith(greeting), JSON.stringify(heard)).to.equal(may);
          if (!may) expect(heard).to.deep.equal({ text: '', connections: 0 });
          else if (words !== '') expect(heard.text).to.equal(`${greeting}echo ${words}`);
        }
    });

  it('takes a long upload of a caller with access whole, and gives all of it back', async () => {
    const large = 'x'.repeat(300_000);
    const all = GREETINGS.smtp.length + large.length;
    const { text } = await hear('friend', 'smtp-named', large, (got) => got.replaceAll('echo ', '').length >= all);
    expect(text.replaceAll('echo ', '')).to.equal(GREETINGS.smtp + large);
  });

  it('passes the TLS of the app itself for a caller with access, and nothing of it for another', async () => {
    const answer = async (caller: string): Promise<string> => {
      const before = connections[ECHO]!;
      const socket: TLSSocket = connectTls({
        ...{ host: '127.0.0.1', port: ports[caller]![ECHO]!, servername: 'app.example', rejectUnauthorized: false },
      });
      let text = '';
      socket.on('error', () => undefined);
      socket.once('secureConnect', () => socket.write('hi'));
      await new Promise<void>((resolve) => {
        socket.on('data', (part: Buffer) => ((text += part.toString()), resolve()));
        socket.once('close', () => resolve());
      });
      socket.destroy();
      return `${text || 'nothing'}, connections to the app: ${connections[ECHO]! - before}`;
    };
    await eventually('the friend gets in', 30_000, async () => (await answer('friend')).startsWith('echo'));
    expect(await answer('friend')).to.equal('echo hi, connections to the app: 1');
    expect(await answer('stranger')).to.equal('nothing, connections to the app: 0');
  });

  it('greets a caller that is given access, and no longer one from whom it is taken back', async () => {
    await rig.declare('smtp-named', { protocol: 'tcp', access: [{ from: 'stranger' }] });
    await eventually('the stranger is greeted', 30_000, async () => (await hear('stranger', 'smtp-named')).text !== '');
    await eventually('the friend is not', 30_000, async () => (await hear('friend', 'smtp-named')).text === '');
    expect(await hear('friend', 'smtp-named')).to.deep.equal({ text: '', connections: 0 });
    expect((await hear('stranger', 'smtp-named')).text).to.equal(GREETINGS.smtp);
  });

  it('greets the last of as many callers as access can name, with names as long as they can be', async () => {
    const long = Array.from({ length: 63 }, (_, at) => ({ from: `${String(at).padStart(2, '0')}${'a-'.repeat(30)}z` }));
    await rig.declare('ssh-nobody', { protocol: 'tcp', access: [...long, { from: 'friend' }] });
    await eventually('the friend is greeted', 30_000, async () => (await hear('friend', 'ssh-nobody')).text !== '');
    expect(await hear('stranger', 'ssh-nobody')).to.deep.equal({ text: '', connections: 0 });
  });
});
