import type { k8s } from 'cdk8s-plus-27';
import { OBSERVE_PORT } from '../mesh/installation/installation.ts';
import { type Component, podLabels, selectorLabels } from './labels.ts';
import {
  each,
  type Expression,
  given,
  ifGiven,
  merged,
  type Parts,
  quantity,
  type Symbolic,
  text,
  when,
} from './template/expression.ts';
import { values, type ValuesTree } from './values/tree.ts';

/** The user of all containers, called `nonroot` in distroless images. */
const USER_ID = 65532;

/**
 * The Pod Security Standard `restricted` on the pod, which the namespace enforces.
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
const podSecurity: k8s.PodSecurityContext = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

const containerSecurity: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export interface PodOptions {
  container: Parts<k8s.Container>;
  volumes?: readonly Symbolic<k8s.Volume>[];
  /** Whether its service account's token is mounted: only for what talks to the API server. */
  talksToKubernetes: boolean;
  annotations?: Record<string, Symbolic<string>>;
  /** It serves /metrics on the port named `observe`. */
  observed?: boolean;
  restartPolicy?: 'OnFailure' | 'Never';
  terminationGracePeriodSeconds?: number;
  /** Its replicas go to different nodes where there are some, and still run where there is one. */
  spread?: boolean;
}

/** The pod of a component, run by the service account `landbridge-<component>`. */
export function podTemplate(component: Component, options: PodOptions): Parts<k8s.PodTemplateSpec> {
  return {
    metadata: { labels: podLabels(component), annotations: annotationsOf(options) },
    spec: podSpec(component, options),
  };
}

export const podSpec = (component: Component, options: PodOptions): Parts<k8s.PodSpec> => ({
  serviceAccountName: serviceAccountName(component),
  automountServiceAccountToken: options.talksToKubernetes,
  // Otherwise the Service landbridge-bridge becomes LANDBRIDGE_BRIDGE_PORT=tcp://... in the environment.
  enableServiceLinks: false,
  priorityClassName: values.priorityClass.name,
  imagePullSecrets: when<k8s.LocalObjectReference[]>(given(values.imagePullSecrets), [
    each(values.imagePullSecrets, (name) => ({ name })),
  ]),
  securityContext: podSecurity,
  restartPolicy: options.restartPolicy,
  terminationGracePeriodSeconds: options.terminationGracePeriodSeconds,
  nodeSelector: ifGiven(values.nodeSelector),
  tolerations: ifGiven(values.tolerations),
  affinity: ifGiven(values.affinity) as Expression<k8s.Affinity>,
  topologySpreadConstraints: options.spread ? [spreadOf(component)] : undefined,
  containers: [{ imagePullPolicy: values.imagePullPolicy, securityContext: containerSecurity, ...options.container }],
  volumes: options.volumes,
});

function annotationsOf({ annotations = {}, observed }: PodOptions): Symbolic<Record<string, string>> {
  const scraped = (value: string) => when<string>(values.metrics.annotations, value);
  const own = observed
    ? {
        ...annotations,
        'prometheus.io/scrape': scraped('true'),
        'prometheus.io/port': scraped(String(OBSERVE_PORT)),
        'prometheus.io/path': scraped('/metrics'),
      }
    : annotations;
  if (Object.keys(own).length === 0) return ifGiven(values.podAnnotations);
  return merged(own, values.podAnnotations);
}

const spreadOf = (component: Component): Symbolic<k8s.TopologySpreadConstraint> => ({
  maxSkew: 1,
  topologyKey: values.topologyKey,
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: podSelector(component),
  // Counts the pods of one revision only, or an update would push the new ones together.
  matchLabelKeys: component === 'consul' ? undefined : ['pod-template-hash'],
});

export const serviceAccountName = (component: Component): string => `landbridge-${component}`;

export const podSelector = (component: Component): k8s.LabelSelector => ({ matchLabels: selectorLabels(component) });

/** An image of ours, from the registry of the values if one is named. */
export function imageOf(which: 'landbridge' | 'bridge' | 'envoy' | 'consul'): Expression<string> {
  const { registry, [which]: image } = values.images;
  return when(given(registry), text`${registry}/${image}`, image);
}

/** Requests and limits as the generated classes want them. */
export function resourcesOf({ requests, limits }: ValuesTree['operator']['resources']) {
  const amounts = ({ cpu, memory }: { cpu: Expression<string>; memory: Expression<string> }) => ({
    cpu: when<k8s.Quantity>(given(cpu), quantity(cpu) as Symbolic<k8s.Quantity>),
    memory: when<k8s.Quantity>(given(memory), quantity(memory) as Symbolic<k8s.Quantity>),
  });
  return { requests: amounts(requests), limits: amounts(limits) } as Parts<k8s.ResourceRequirements>;
}
