import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { makeBridgeClient } from '../../agent/bridge-client.ts';
import { inNetns } from '../../lab/host/exec.ts';
import { type RunningLab, runningLab } from '../../lab/running.ts';
import { compute } from '../../lab/sample/chain.ts';
import { SAMPLE_NAMESPACE } from '../../lab/sample/in-cluster.ts';
import { EDGE_PORT } from '../../lab/sample/on-vms.ts';
import { vmExec } from '../../lab/vm/exec.ts';
import { SECRETS } from '../../mesh/installation/installation.ts';
import { eventually } from '../support/eventually.ts';
import { type LabHolders, answerOf, labHolders } from '../support/lab-holders.ts';
import { SPELLINGS } from '../support/envoy/path-attacks.ts';
import { exchange, statusOf } from '../support/raw-exchange.ts';

/** A number that the sample adds: found in frames, it was read by whoever took them. */
const MARKER = '918273645';
const NARROW = 'narrow.example';
const SHOWN = '/api/v1/execute';
const HIDDEN = '/actuator/health';
const HEALTHY = /"status":"UP"/;

/** Tries from the network of the lab all that a row of docs/security.md rules out. */
describe('somebody on the network', () => {
  let lab: RunningLab;
  let holders: LabHolders;
  before(async () => {
    lab = await runningLab();
    holders = await labHolders(lab);
  });
  after(() => holders.close());

  it("reaches by the edge's port the paths and hosts that are exposed, and no others", async () => {
    const [worker] = (await lab.cluster.nodes()).filter(({ role }) => role === 'worker');
    const ask = async (host: string, target: string) => {
      const request = `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nx-forwarded-for: 127.0.0.1\r\nconnection: close\r\n\r\n`;
      const { received } = await exchange({
        to: { host: worker!.address, port: 30800 },
        send: [request],
        patienceMs: 1500,
      });
      return { status: statusOf(received), text: received.toString('latin1') };
    };
    const patch = (expose: object | null): Promise<string> =>
      lab.cluster.kubectl([
        ...['patch', 'meshservice', 'sub-svc', '-n', SAMPLE_NAMESPACE, '--type=merge'],
        ...['-p', JSON.stringify({ spec: { expose } })],
      ]);
    await patch({ hosts: [NARROW], paths: [SHOWN] });
    try {
      await eventually('it is served', 20_000, async () =>
        (await ask(NARROW, `${SHOWN}?l=3&r=1`)).text.includes('{"result":2}'),
      );
      const spelled = SPELLINGS.map(({ target }) =>
        target.replaceAll('admin', HIDDEN.slice(1)).replaceAll('/public', SHOWN),
      );
      const answers = await Promise.all([HIDDEN, ...spelled].map((target) => ask(NARROW, target)));
      const reached = answers.filter(({ text }) => HEALTHY.test(text));
      expect(answers.length).to.be.greaterThan(40);
      expect(reached).to.deep.equal([]);
      const port = (await holders.truth.health('sub-svc')).find(({ node }) => node.endsWith('.vm3'))?.service.Port;
      const own = await vmExec(lab.vm('vm3'), ['curl', '-s', `http://127.0.0.1:${port}${HIDDEN}`]);
      expect(own.stdout, 'the app itself answers it').to.match(HEALTHY);
      const others = ['sub-svc', 'add-svc', 'frontend', 'sub-svc.service.consul', 'other.example', worker!.address];
      const elsewhere = await Promise.all(others.map((host) => ask(host, `${SHOWN}?l=3&r=1`)));
      expect(elsewhere.map(({ status }) => status)).to.deep.equal(others.map(() => 404));
    } finally {
      await patch(null);
    }
  });

  it('reads nothing between the parts, neither between nodes nor between nodes and machines', async () => {
    const [file, args] = inNetns(lab.network.netns, 'python3', ['test/support/sniff.py', MARKER]);
    const sniffer = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const [lines, said] = [createInterface(sniffer.stdout), text(sniffer.stdout)];
    await once(lines, 'line');
    for (let n = 0; n < 10; n++) {
      const { body } = await compute(lab.edge, `${MARKER}+${n}-${n}`);
      expect(body.result).to.equal(Number(MARKER));
    }
    sniffer.stdin.end();
    const { seen, ports } = JSON.parse((await said).split('\n').at(-2)!) as {
      seen: string[];
      ports: Record<string, number>;
    };
    const mesh = Object.entries(ports).filter(([port]) => port === '20000' || /^21\d{3}$/.test(port));
    expect(
      mesh.reduce((sum, [, count]) => sum + count, 0),
      'frames between sidecars',
    ).to.be.greaterThan(20);
    // The way to nginx, the edge of the sample, is plain HTTP and can be read, so the search works.
    const plain = seen.filter((line) => line.split(' ').some((end) => end === `${lab.edge.host}:${EDGE_PORT}`));
    expect(plain.length).to.be.greaterThan(0);
    expect(seen.filter((line) => !plain.includes(line))).to.deep.equal([]);
  });

  it('changes nothing on the way: a byte that was changed ends the connection, and nothing is answered', async () => {
    const held = await holders.secret(SECRETS.bridgeAdmin);
    const [host, port] = held['addresses']!.split(',')[0]!.split(':');
    let changes = false;
    let changed = 0;
    const sockets: Socket[] = [];
    const between = createServer((caller) => {
      const bridge = connect({ host: host!, port: Number(port) });
      for (const socket of [caller, bridge]) {
        sockets.push(socket);
        socket.on('error', () => [caller, bridge].map((one) => one.destroy()));
      }
      bridge.pipe(caller);
      caller.on('data', (chunk: Buffer) => {
        if (changes) {
          chunk[chunk.length - 1]! ^= 1;
          changed++;
        }
        bridge.write(chunk);
      });
      caller.on('end', () => bridge.end());
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    const read = async (file: string): Promise<string> =>
      (await vmExec(lab.vm('vm3'), ['cat', `/var/lib/landbridge/${file}`])).stdout;
    const client = makeBridgeClient({
      bridges: [`127.0.0.1:${(between.address() as AddressInfo).port}`],
      credentials: { bridgeCa: held['ca.crt']!, certificate: await read('host.crt'), key: await read('host.key') },
      limits: () => ({ connectMs: 3000, answerMs: 3000 }),
    });
    const ask = (): Promise<string> =>
      answerOf(client.post('/v1/names', { name: 'add-svc.service.consul', type: 'A' }));
    try {
      expect(await ask()).to.equal('done');
      changes = true;
      expect(await ask()).to.match(/^No bridge answers/);
      expect(changed).to.be.greaterThan(0);
    } finally {
      client.close();
      for (const socket of sockets) socket.destroy();
      between.close();
    }
  });
});
