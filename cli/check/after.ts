import {
  customResourceDefinitions,
  meshServices,
  mutatingWebhookConfigurations,
} from '../../clients/kube/resources.ts';
import { VERSION, type MeshService } from '../../crds/mesh-service.ts';
import { REASONS, type ConditionType, type Reason } from '../../crds/reasons.ts';
import { explaining, inOneLine } from '../../mesh/status/explaining.ts';
import { NAMESPACE, WEBHOOK_CONFIGURATION, WEBHOOK_SECRET } from '../../mesh/installation/installation.ts';
import { LABEL_MESH } from '../../mesh/names/names.ts';
import { apiServerChecks } from './api-server.ts';
import { certificateChecks, readSecret } from './certificates.ts';
import { type Check, type Verdict, failed, ok, warning } from './check.ts';
import type { Look } from './look.ts';
import { doorChecks } from './doors.ts';
import { machineChecks } from './machines.ts';
import { nameChecks } from './names.ts';
import { meshWideChecks } from './mesh-wide.ts';
import { openAccessChecks } from './open-access.ts';
import { residueChecks } from './residue.ts';
import { tokenChecks } from './tokens.ts';
import { meshNamespaces, webhookAnswers } from './webhook-answers.ts';

export const CRD_NAME = 'meshservices.landbridge.dev';

const INSTALLED: Check[] = [
  {
    name: 'the MeshService CRD is installed',
    hint: 'crd-missing',
    stopsOthers: true,
    async run({ kube }) {
      interface Crd {
        spec: { versions: { name: string; served: boolean }[] };
      }
      const crd = await kube.get<Crd>(customResourceDefinitions, CRD_NAME);
      if (crd === undefined) return failed(`${CRD_NAME} is not there`);
      const served = crd.spec.versions.filter((version) => version.served).map(({ name }) => name);
      return served.includes(VERSION) ? ok(served.join(', ')) : failed(`it does not serve ${VERSION}`);
    },
  },
  { name: 'the operator runs', hint: 'component-not-ready', run: (look) => deploymentReady(look, 'operator') },
  { name: 'the bridge runs', hint: 'component-not-ready', run: (look) => deploymentReady(look, 'bridge') },
  {
    name: 'the terminating gateway runs',
    hint: 'component-not-ready',
    run: (look) => deploymentReady(look, 'gateway'),
  },
  {
    name: 'the injection webhook is trusted by the API server',
    hint: 'webhook-not-trusted',
    async run({ kube }) {
      interface Configuration {
        webhooks?: { clientConfig: { caBundle?: string } }[];
      }
      const found = await kube.get<Configuration>(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION);
      const bundle = found?.webhooks?.[0]?.clientConfig.caBundle;
      if (bundle === undefined) return failed('the operator has not written its CA into the webhook configuration');
      const own = await readSecret(kube, WEBHOOK_SECRET, 'ca.crt');
      if (own === undefined) return failed(`there is no Secret ${NAMESPACE}/${WEBHOOK_SECRET}`);
      return Buffer.from(bundle, 'base64').toString('utf8') === own
        ? ok()
        : failed("the webhook configuration names another CA than the operator's certificate has");
    },
  },
  {
    name: 'the injection webhook answers',
    hint: 'webhook-not-reachable',
    run: async ({ kube }) => webhookAnswers(kube, await meshNamespaces(kube)),
  },
  {
    name: 'Consul has a leader',
    hint: 'consul-not-reachable',
    run: async (look) => ok(await (await look.consul()).leader()),
  },
  {
    name: 'a namespace has opted in to the mesh',
    hint: 'namespacenotenabled',
    async run({ kube }) {
      const names = await meshNamespaces(kube);
      if (names.length === 0) return warning(`none has: kubectl label namespace NAME ${LABEL_MESH}=enabled`);
      return ok(names.join(', '));
    },
  },
  {
    name: 'every MeshService is in Consul as it asks',
    hint: 'meshservice-not-synced',
    run: (look) => all(look, 'Synced'),
  },
  {
    name: 'pods of every MeshService have their sidecars',
    hint: 'pods-without-sidecars',
    async run(look) {
      const verdict = await all(look, 'Injected');
      return verdict.result === 'failed' ? warning(verdict.detail) : verdict;
    },
  },
  { name: 'every MeshService is ready', hint: 'meshservice-not-ready', run: (look) => all(look, 'Ready') },
  {
    name: 'no condition of a MeshService that is ready says that something is wrong',
    hint: 'meshservice-not-ready',
    run: async ({ kube }) => besideReady((await kube.list<Listed>(meshServices)).items),
  },
  {
    name: 'machines outside the cluster reach the pods that they call',
    hint: 'pods-not-reached',
    run: async ({ kube }) => reachVerdict((await kube.list<Listed>(meshServices)).items),
  },
];

export const afterChecks: Check[] = [
  ...apiServerChecks,
  ...INSTALLED,
  ...certificateChecks,
  ...residueChecks,
  ...tokenChecks,
  ...openAccessChecks,
  ...meshWideChecks,
  ...doorChecks,
  ...machineChecks,
  ...nameChecks,
];

async function deploymentReady(look: Look, component: 'operator' | 'bridge' | 'gateway'): Promise<Verdict> {
  const found = await look.deployment(`landbridge-${component}`);
  // The others are asked for by values; an operator there must be.
  if (found === undefined) return component === 'operator' ? failed('it is not installed') : ok('not installed');
  const { spec, status } = found;
  const ready = status?.readyReplicas ?? 0;
  const detail = `${ready}/${spec.replicas} ready`;
  if (ready === 0) return failed(`${detail}: kubectl -n ${NAMESPACE} describe pods`);
  return ready < spec.replicas ? warning(detail) : ok(detail);
}

type Listed = MeshService & { metadata: object };

async function all({ kube }: Look, type: ConditionType): Promise<Verdict> {
  const { items } = await kube.list<Listed>(meshServices);
  const others = items.flatMap(({ metadata, status }) => {
    const condition = status?.conditions?.find((one) => one.type === type);
    const current = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    if (condition?.status === 'True' && current) return [];
    const because =
      condition === undefined || !current
        ? 'the operator has not looked at it yet'
        : type === 'Ready'
          ? inOneLine(explaining(status?.conditions ?? []).map(({ message }) => message ?? ''))
          : condition.message || REASONS[condition.reason as Reason];
    return [`${metadata.namespace}/${metadata.name} (${because})`];
  });
  return others.length === 0 ? ok(`${items.length} of them`) : failed(others.join('; '));
}

/** Pods may be reached from one site and not from another, and traffic within the cluster goes on: a warning. */
export function reachVerdict(listed: Pick<Listed, 'metadata' | 'status'>[]): Verdict {
  const asked = listed.flatMap(({ metadata, status }) => {
    const condition = status?.conditions?.find(({ type }) => type === 'Reachable');
    // The check of machines covers the ones that are called.
    if (condition === undefined || condition.reason === 'InstanceInDoubt') return [];
    return [{ key: `${metadata.namespace}/${metadata.name}`, condition }];
  });
  const lost = asked.filter(({ condition }) => condition.status === 'False');
  if (lost.length > 0) return warning(lost.map(({ key, condition }) => `${key} (${condition.message})`).join('; '));
  const untried = asked.filter(({ condition }) => condition.status === 'Unknown').length;
  if (asked.length === 0) return ok('they call none');
  return ok(untried === 0 ? `${asked.length} MeshServices` : `${untried} of ${asked.length} not tried yet`);
}

/** Checks of their own tell of these. */
const TOLD_ELSEWHERE = ['Ready', 'Synced', 'Injected', 'Reachable', 'Enforced'];

/** It takes traffic, and a part of what was asked for is not there: a warning. */
function besideReady(listed: Pick<Listed, 'metadata' | 'status'>[]): Verdict {
  const wrong = listed.flatMap(({ metadata, status }) => {
    const conditions = status?.conditions ?? [];
    if (!conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')) return [];
    return explaining(conditions.filter(({ type }) => !TOLD_ELSEWHERE.includes(type))).map(
      ({ message }) => `${metadata.namespace}/${metadata.name} (${message})`,
    );
  });
  return wrong.length === 0 ? ok() : warning(wrong.join('; '));
}
