import { k8s } from 'cdk8s-plus-27';

const get = (path: string): k8s.HttpGetAction => ({ path, port: k8s.IntOrString.fromString('observe') });

/** Probes of a process that serves /healthz and /readyz on the port named `observe`. */
export const observeProbes: Pick<k8s.Container, 'readinessProbe' | 'livenessProbe'> = {
  readinessProbe: { httpGet: get('/readyz'), periodSeconds: 2, timeoutSeconds: 2 },
  livenessProbe: { httpGet: get('/healthz'), initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 5 },
};
