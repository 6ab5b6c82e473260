import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { Command } from 'commander';
import { connectConsul } from '../../clients/consul/connect.ts';
import { systemClock } from '../../base/clock.ts';
import { NAMESPACE, WEBHOOK_PATH, WEBHOOK_SERVICE } from '../../mesh/installation/installation.ts';

const PATIENCE_MS = 30_000;

/** `landbridge self-test`: the pod of `helm test`. It has the operator's Secret and asks as the operator would. */
export function selfTestCommand(): Command {
  return new Command('self-test')
    .description("ask Consul with the operator's token, and the webhook about a pod (run by `helm test`)")
    .action(async () => {
      for (const [what, test] of [
        ['Consul answers the operator', askConsul],
        ['the webhook answers', askWebhook],
      ] as const) {
        await insistently(test);
        process.stdout.write(`ok: ${what}\n`);
      }
    });
}

/** A Secret's files and a Service's endpoints may lag a little behind an installation. */
async function insistently(test: () => Promise<void>): Promise<void> {
  const start = systemClock.steady();
  for (;;) {
    try {
      return await test();
    } catch (error) {
      if (systemClock.steady() - start >= PATIENCE_MS) throw error;
      await systemClock.wait(1000, new AbortController().signal);
    }
  }
}

const file = (name: string): string =>
  readFileSync(`${process.env['LANDBRIDGE_SECRETS'] ?? ''}/${name}`, 'utf8').trim();

async function askConsul(): Promise<void> {
  const consul = connectConsul({
    addresses: (process.env['LANDBRIDGE_CONSUL_HTTP'] ?? '').split(','),
    serverName: process.env['LANDBRIDGE_CONSUL_SERVER_NAME'] ?? '',
    caPem: file('consul-ca.crt'),
    token: () => file('consul-token'),
  });
  try {
    await consul.leader();
    await consul.listNodes('k8s.');
    await consul.caRoots();
  } finally {
    consul.close();
  }
}

/** As the API server does, with a pod of our own namespace, which gets no sidecar. */
async function askWebhook(): Promise<void> {
  const uid = 'self-test';
  const object = {
    metadata: { name: 'self-test', namespace: NAMESPACE },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  };
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid, kind: { kind: 'Pod' }, namespace: NAMESPACE, name: 'self-test', operation: 'CREATE', object },
  };
  const host = `${WEBHOOK_SERVICE}.${NAMESPACE}.svc`;
  const text = await post({ host, path: WEBHOOK_PATH, ca: file('webhook-ca.crt') }, JSON.stringify(review));
  const { response } = JSON.parse(text) as { response?: { uid: string; allowed: boolean } };
  if (response?.uid !== uid || !response.allowed) throw new Error(`the webhook answered ${text.slice(0, 200)}`);
}

const post = (options: { host: string; path: string; ca: string }, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ ...options, method: 'POST', headers, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer within 5 s')));
    sent.on('error', reject);
    sent.end(body);
  });
