import { k8s } from 'cdk8s-plus-27';
import { type Component, labels, selectorLabels } from './labels.ts';
import { PRIORITY_CLASS } from './namespace.ts';
import type { Values } from './values.ts';

/** The user of all containers: what distroless images call `nonroot`. */
export const USER_ID = 65532;

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

export const containerSecurity: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export interface PodOptions {
  container: k8s.Container;
  volumes?: k8s.Volume[];
  /** Whether its service account's token is mounted: only for what talks to the API server. */
  talksToKubernetes: boolean;
  annotations?: Record<string, string>;
  restartPolicy?: 'OnFailure';
  terminationGracePeriodSeconds?: number;
}

/** The pod of a component, run by the service account `landbridge-<component>`. */
export function podTemplate(component: Component, values: Values, options: PodOptions): k8s.PodTemplateSpec {
  return {
    metadata: { labels: labels(component), annotations: options.annotations },
    spec: {
      serviceAccountName: serviceAccountName(component),
      automountServiceAccountToken: options.talksToKubernetes,
      // Otherwise the Service landbridge-bridge becomes LANDBRIDGE_BRIDGE_PORT=tcp://... in the environment.
      enableServiceLinks: false,
      priorityClassName: PRIORITY_CLASS,
      securityContext: podSecurity,
      restartPolicy: options.restartPolicy,
      terminationGracePeriodSeconds: options.terminationGracePeriodSeconds,
      nodeSelector: Object.keys(values.nodeSelector).length > 0 ? values.nodeSelector : undefined,
      tolerations: values.tolerations.length > 0 ? values.tolerations : undefined,
      containers: [
        { imagePullPolicy: values.imagePullPolicy, securityContext: containerSecurity, ...options.container },
      ],
      volumes: options.volumes,
    },
  };
}

export const serviceAccountName = (component: Component): string => `landbridge-${component}`;

export const podSelector = (component: Component): k8s.LabelSelector => ({ matchLabels: selectorLabels(component) });

/** Requests and limits as the generated classes want them. */
export function resourcesOf(values: Values['operator']['resources']): k8s.ResourceRequirements {
  const quantities = (amounts: { cpu?: string; memory?: string }) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, k8s.Quantity.fromString(amount)]));
  return { requests: quantities(values.requests), limits: quantities(values.limits) };
}
