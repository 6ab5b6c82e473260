import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Operation } from 'rfc6902';
import type { KubeClient } from '../../../clients/kube/client.ts';
import { mutatingWebhookConfigurations } from '../../../clients/kube/resources.ts';
import { createAuthority, issue } from '../../../clients/pki/authority.ts';

export interface ChangingWebhook {
  stop(): Promise<void>;
}

/** Somebody else's webhook, which the API server asks after ours (by name) and which makes `patch` of every pod of a namespace. */
export async function startChangingWebhook(
  client: KubeClient,
  namespace: string,
  patch: Operation[],
): Promise<ChangingWebhook> {
  const lifetime = { nowMs: Date.now(), days: 1 };
  const authority = await createAuthority('another CA', lifetime);
  const { certPem, keyPem } = await issue(authority, {
    ...lifetime,
    commonName: 'localhost',
    dns: ['localhost'],
    usage: 'server',
  });
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { uid } = (JSON.parse(body) as { request: { uid: string } }).request;
      const encoded = Buffer.from(JSON.stringify(patch)).toString('base64');
      const answer = { uid, allowed: true, patchType: 'JSONPatch', patch: encoded };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
    });
  });
  await listening(server);
  const name = 'zz-another';
  await client.create(mutatingWebhookConfigurations, {
    metadata: { name },
    webhooks: [
      {
        name: 'another.example.com',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          url: `https://localhost:${(server.address() as AddressInfo).port}/`,
          caBundle: Buffer.from(authority.certPem).toString('base64'),
        },
        rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        sideEffects: 'None',
        failurePolicy: 'Fail',
      },
    ],
  } as never);
  return {
    async stop() {
      await client.delete(mutatingWebhookConfigurations, name);
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
