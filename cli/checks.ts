import { X509Certificate } from 'node:crypto';
import type { KubeClient } from '../clients/kube/client.ts';
import { isNotFound } from '../clients/kube/errors.ts';
import type { KubeObject } from '../clients/kube/object.ts';
import {
  customResourceDefinitions,
  meshServices,
  mutatingWebhookConfigurations,
  namespaces,
} from '../clients/kube/resources.ts';
import { REASONS, type Reason } from '../crds/reasons.ts';
import { NAMESPACE, WEBHOOK_CONFIGURATION } from '../mesh/installation.ts';
import { LABEL_MESH } from '../mesh/names.ts';
import type { MeshService } from '../crds/mesh-service.ts';
import { type ClusterFlags, consulOf, kubeOf } from './cluster.ts';

export interface Finding {
  check: string;
  result: 'ok' | 'warning' | 'failed';
  detail: string;
  /** A heading of docs/troubleshooting.md. */
  hint?: string;
}

/** Checks are data: each looks at one thing, and its hint is a heading of docs/troubleshooting.md. */
export interface Check {
  name: string;
  hint: string;
  /** Without this, no later check can say anything. */
  stopsOthers?: boolean;
  run(flags: ClusterFlags): Promise<Omit<Finding, 'check' | 'hint'>>;
}

const ok = (detail = ''): Omit<Finding, 'check'> => ({ result: 'ok', detail });
const failed = (detail: string): Omit<Finding, 'check'> => ({ result: 'failed', detail });
const warning = (detail: string): Omit<Finding, 'check'> => ({ result: 'warning', detail });

const DAY_MS = 86_400_000;

export const CHECKS: Check[] = [
  {
    name: 'the API server answers',
    hint: 'api-server-does-not-answer',
    stopsOthers: true,
    async run(flags) {
      const { gitVersion, minor } = await kubeOf(flags).request<{ gitVersion: string; minor: string }>(
        'GET',
        '/version',
      );
      // Native sidecars are on by default since 1.29 (KEP-753).
      if (Number.parseInt(minor, 10) < 29)
        return failed(`${gitVersion} has no native sidecar containers; 1.29 or newer is needed`);
      return ok(gitVersion);
    },
  },
  {
    name: 'the MeshService CRD is installed',
    hint: 'crd-missing',
    stopsOthers: true,
    async run(flags) {
      const crd = await kubeOf(flags).get(customResourceDefinitions, 'meshservices.landbridge.dev');
      return crd === undefined ? failed('meshservices.landbridge.dev is not there') : ok();
    },
  },
  ...(['operator', 'bridge'] as const).map((component) => ({
    name: `the ${component} runs`,
    hint: 'component-not-ready',
    run: async (flags: ClusterFlags) => deploymentReady(kubeOf(flags), `landbridge-${component}`),
  })),
  {
    name: 'the injection webhook is trusted by the API server',
    hint: 'webhook-not-trusted',
    async run(flags) {
      interface Configuration extends KubeObject {
        webhooks?: { clientConfig: { caBundle?: string } }[];
      }
      const found = await kubeOf(flags).get<Configuration>(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION);
      const bundle = found?.webhooks?.[0]?.clientConfig.caBundle;
      if (bundle === undefined) return failed('the operator has not written its CA into the webhook configuration');
      const until = Date.parse(new X509Certificate(Buffer.from(bundle, 'base64')).validTo);
      const days = Math.floor((until - Date.now()) / DAY_MS);
      return days < 30 ? warning(`its CA ends in ${days} days`) : ok(`CA good for ${days} days`);
    },
  },
  {
    name: 'Consul has a leader',
    hint: 'consul-not-reachable',
    async run(flags) {
      const { consul, close } = await consulOf(flags);
      try {
        return ok(await consul.leader());
      } finally {
        close();
      }
    },
  },
  {
    name: 'a namespace has opted in to the mesh',
    hint: 'namespacenotenabled',
    async run(flags) {
      const { items } = await kubeOf(flags).list<KubeObject>(namespaces, {
        labelSelector: `${LABEL_MESH}=enabled`,
        metadataOnly: true,
      });
      if (items.length === 0) return warning(`none has: kubectl label namespace NAME ${LABEL_MESH}=enabled`);
      return ok(items.map(({ metadata }) => metadata.name).join(', '));
    },
  },
  {
    name: 'every MeshService is ready',
    hint: 'meshservice-not-ready',
    async run(flags) {
      const { items } = await kubeOf(flags).list<MeshService & { metadata: object }>(meshServices);
      const unready = items.flatMap(({ metadata, status }) => {
        const condition = status?.conditions?.find(({ type }) => type === 'Ready');
        if (condition?.status === 'True') return [];
        const because =
          condition === undefined ? 'not looked at yet' : condition.message || REASONS[condition.reason as Reason];
        return [`${metadata.namespace}/${metadata.name} (${because})`];
      });
      return unready.length === 0 ? ok(`${items.length} of them`) : failed(unready.join('; '));
    },
  },
];

async function deploymentReady(kube: KubeClient, name: string): Promise<Omit<Finding, 'check'>> {
  interface Deployment {
    spec: { replicas: number };
    status?: { readyReplicas?: number };
  }
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
  const found = await kube.request<Deployment>('GET', path).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  // The bridge is asked for by values; an operator there must be.
  if (found === undefined) return name.endsWith('bridge') ? ok('not installed') : failed('it is not installed');
  const { spec, status } = found;
  const ready = status?.readyReplicas ?? 0;
  const detail = `${ready}/${spec.replicas} ready`;
  if (ready === 0) return failed(`${detail}: kubectl -n ${NAMESPACE} describe pods`);
  return ready < spec.replicas ? warning(detail) : ok(detail);
}
