import { Agent, request } from 'node:https';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { secrets } from '../../clients/kube/resources.ts';
import { NAMESPACE } from './installation.ts';

/** Asks the webhook as the API server does: over TLS, trusting the operator's CA alone, by the Service's name. */
export interface WebhookClient {
  /**
   * Milliseconds until the whole answer was there, TLS handshake included for a new connection. Rejects when the answer holds no injection, or does not come within `limitMs` (default 10 000, the API server's own limit).
   */
  review(service: string, connection: 'kept' | 'new', limitMs?: number, size?: PodSize): Promise<number>;
  close(): void;
}

/** Default: one container with ten variables. */
export interface PodSize {
  containers: number;
  /** In each container. */
  variables: number;
}

const USUAL: PodSize = { containers: 1, variables: 10 };

export async function openWebhook(client: KubeClient, port: number): Promise<WebhookClient> {
  type Secret = KubeObject & { data: Record<string, string> };
  const held = (await client.get<Secret>(secrets, 'landbridge-webhook-cert', 'landbridge'))!;
  const ca = Buffer.from(held.data['ca.crt'] ?? '', 'base64').toString();
  const tls = { ca, servername: 'landbridge-webhook.landbridge.svc' };
  const kept = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  const headers = { 'content-type': 'application/json' };

  return {
    review(service, connection, limitMs = 10_000, size = USUAL) {
      const body = JSON.stringify(aReview(service, size));
      const started = performance.now();
      return new Promise((resolve, reject) => {
        const agent = connection === 'kept' ? kept : new Agent({ ...tls, keepAlive: false, maxCachedSessions: 0 });
        const to = { host: '127.0.0.1', port, agent, path: '/mutate?timeout=10s', method: 'POST', headers };
        const asked = request({ ...to, signal: AbortSignal.timeout(limitMs) }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const tookMs = performance.now() - started;
            const answer = Buffer.concat(chunks).toString();
            if (answer.includes('"patchType":"JSONPatch"')) resolve(tookMs);
            else reject(new Error(`the webhook did not inject: ${response.statusCode} ${answer}`));
          });
        });
        asked.on('error', reject);
        asked.end(body);
      });
    },
    close: () => kept.destroy(),
  };
}

/** The review that an API server sends for a pod of a Deployment, in its usual length. */
const aReview = (service: string, size: PodSize): object => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    requestKind: { group: '', version: 'v1', kind: 'Pod' },
    requestResource: { group: '', version: 'v1', resource: 'pods' },
    namespace: NAMESPACE,
    operation: 'CREATE',
    userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller', groups: ['system:authenticated'] },
    object: aPlainPod(service, size),
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  },
});

const aPlainPod = (service: string, { containers, variables }: PodSize): object => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    generateName: `${service}-6d4cf56db6-`,
    labels: { app: service, 'pod-template-hash': '6d4cf56db6' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${service}-6d4cf56db6`, uid: 'd1', controller: true },
    ],
  },
  spec: {
    volumes: [
      {
        name: 'kube-api-access-x2v7q',
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          ],
        },
      },
    ],
    containers: Array.from({ length: containers }, (_, at) => ({
      name: at === 0 ? 'app' : `app-${at}`,
      image: 'registry.example/app:1',
      ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      env: Array.from({ length: variables }, (__, index) => ({ name: `SETTING_${index}`, value: `value ${index}` })),
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
      volumeMounts: [
        { name: 'kube-api-access-x2v7q', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
      ],
      imagePullPolicy: 'IfNotPresent',
    })),
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    serviceAccountName: 'default',
    schedulerName: 'default-scheduler',
  },
});
