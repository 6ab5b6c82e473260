import { Agent, request } from 'node:https';
import { type Socket, connect as connectTcp } from 'node:net';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { createAuthority, issue } from '../../../../clients/pki/authority.ts';
import type { AdmissionRequest } from '../../../../operator/admission/review.ts';
import { review } from '../../../../operator/admission/review.ts';
import { type Webhook, type WebhookOptions, serveWebhook } from '../../../../operator/admission/webhook.ts';
import { webhookRoom } from '../../../../operator/admission/webhook-room.ts';
import { aMeshService, aPod } from '../../../support/builders.ts';
import { eventually } from '../../../support/eventually.ts';

const SETTINGS = { image: 'landbridge/envoy:1', imagePullPolicy: 'IfNotPresent' } as const;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const web = aMeshService('web');
const body = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u',
    kind: { kind: 'Pod' },
    namespace: 'shop',
    operation: 'CREATE',
    object: aPod('p', { app: 'web' }),
  },
});

describe('the webhook, among strangers', function () {
  this.timeout(30_000);
  let webhook: Webhook;
  let ca: string;
  let certificate: WebhookOptions['certificate'];
  let opened: (Socket | TLSSocket)[] = [];

  before(async () => {
    const life = { nowMs: Date.now(), days: 1 };
    const authority = await createAuthority('webhook CA', life);
    ca = authority.certPem;
    const { servername } = tls();
    certificate = await issue(authority, { commonName: servername, dns: [servername], usage: 'server', ...life });
  });
  beforeEach(async () => {
    webhook = await serveWebhook({
      port: 0,
      host: '127.0.0.1',
      certificate,
      maxConnections: 20,
      patienceMs: 1500,
      review: (asked: AdmissionRequest) =>
        review(
          asked,
          () => [web],
          SETTINGS,
          () => undefined,
        ),
      validate: ({ uid }) => ({ uid, allowed: true }),
      log: silent,
    });
  });
  afterEach(async () => {
    for (const socket of opened) socket.destroy();
    opened = [];
    await webhook.close();
  });

  const tls = () => ({ ca, servername: 'landbridge-webhook.landbridge.svc' });
  const ask = (agent: Agent, text: string | AsyncIterable<string> = body, path = '/mutate'): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: webhook.port, path, method: 'POST', agent, ...tls() },
        (response) => {
          let answer = '';
          response.on('data', (chunk: Buffer) => (answer += chunk.toString()));
          response.on('error', reject);
          response.on('end', () => resolve(`${response.statusCode} ${answer}`));
        },
      );
      sent.on('error', reject);
      if (typeof text === 'string') return void sent.end(text);
      void (async () => {
        for await (const chunk of text) sent.write(chunk);
        sent.end();
      })();
    });
  const stranger = (open: () => Socket | TLSSocket): Socket | TLSSocket => {
    const socket = open();
    socket.on('error', () => undefined);
    opened.push(socket);
    return socket;
  };
  const closed = () => opened.filter((socket) => socket.closed).length;

  it('answers whoever asks, while others hold more connections than it takes and say nothing', async () => {
    const kept = new Agent({ keepAlive: true });
    expect(await ask(kept)).to.match(/^200 .*JSONPatch/);
    for (let count = 0; count < 60; count++) {
      stranger(() => connectTcp(webhook.port, '127.0.0.1'));
      stranger(() => connectTls({ port: webhook.port, host: '127.0.0.1', ...tls() }));
    }
    await eventually('it lets those go that are too many', 10_000, () => Promise.resolve(closed() >= 100));
    for (let count = 0; count < 10; count++) expect(await ask(new Agent())).to.match(/^200 .*JSONPatch/);
    kept.destroy();
  });

  it('answers whoever asks, while others never come to the end of their requests', async () => {
    for (let count = 0; count < 15; count++) {
      const slow = stranger(() => connectTls({ port: webhook.port, host: '127.0.0.1', ...tls() }));
      slow.write('POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n{');
    }
    expect(await ask(new Agent())).to.match(/^200 .*JSONPatch/);
    await eventually('their time is over', 15_000, () => Promise.resolve(closed() === 15));
  });

  it('refuses a body that is too large, without reading it', async () => {
    const size = 5 * 1024 * 1024;
    const socket = stranger(() => connectTls({ port: webhook.port, host: '127.0.0.1', ...tls() }));
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(`POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`);
    await eventually('it is refused', 5000, () => Promise.resolve(socket.closed));
    expect(answer).to.match(/^HTTP\/1.1 413/);
  });

  it('keeps no connection of who asks for something else', async () => {
    const agent = new Agent({ keepAlive: true });
    expect(await ask(agent, body, '/other')).to.match(/^404/);
    expect(await ask(agent, '{}')).to.match(/^400/);
    expect(Object.keys(agent.freeSockets)).to.deep.equal([]);
    agent.destroy();
  });

  it('refuses a pod of more containers than any has, in little time and few words', async () => {
    const many = aPod('p', { app: 'web' }, { containers: Array.from({ length: 100_000 }, () => ({ name: 'a' })) });
    const asked = JSON.parse(body) as { request: { object: unknown } };
    asked.request.object = many;
    expect(await ask(new Agent(), JSON.stringify(asked))).to.match(/has 100000 containers.*500 at most/);
  });
});

describe('the room of a webhook', () => {
  const stranger = () => {
    const seen = { cut: false };
    return { seen, socket: { destroy: () => void (seen.cut = true) } as never };
  };

  it('is made by who has been in it longest', () => {
    const room = webhookRoom(100);
    const [first, second, third] = [stranger(), stranger(), stranger()];
    room.enter(first.socket).hold(60);
    room.enter(second.socket).hold(40);
    expect([first.seen.cut, second.seen.cut]).to.deep.equal([false, false]);
    room.enter(third.socket).hold(30);
    expect([first.seen.cut, second.seen.cut, third.seen.cut]).to.deep.equal([true, false, false]);
  });

  it('is given back at the end', () => {
    const room = webhookRoom(100);
    const first = stranger();
    room.enter(first.socket).hold(60);
    for (let turn = 0; turn < 1000; turn++) {
      const passing = room.enter(stranger().socket);
      passing.hold(40);
      passing.end();
    }
    expect(first.seen.cut).to.equal(false);
  });
});
