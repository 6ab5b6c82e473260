import type { KubeClient } from '../../clients/kube/client.ts';
import type { Log } from '../../base/log.ts';
import { type Reflector, reflect } from '../../clients/kube/watching/reflect.ts';
import { pods } from '../../clients/kube/resources.ts';
import { GATEWAY_SELECTOR, NAMESPACE } from '../../mesh/installation/installation.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';
import { holdPod } from './world.ts';

export interface GatewayPodsOptions {
  kube: Pick<KubeClient, 'pages' | 'stream'>;
  onChange: () => void;
  signal: AbortSignal;
  log: Log;
}

/** The pods of the terminating gateway, which are in the installation's own namespace, beside the watched ones. */
export const watchGatewayPods = ({ kube, onChange, signal, log }: GatewayPodsOptions): Reflector<PodFacts> =>
  reflect(kube, pods, {
    namespace: NAMESPACE,
    labelSelector: GATEWAY_SELECTOR,
    trim: holdPod,
    onChange: (_key, next, previous) => {
      if (next !== previous) onChange();
    },
    signal,
    log,
  });
