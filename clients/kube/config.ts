import { KubeConfig } from '@kubernetes/client-node';
import { errorOfUse } from './errors.ts';

export interface KubeConfigSource {
  /** Path of a kubeconfig. Default: the pod's service account inside a cluster, else `$KUBECONFIG`, else `~/.kube/config`. */
  kubeconfig?: string;
  /** Default: the kubeconfig's current context. */
  context?: string;
  /** Overrides the namespace of the context. */
  namespace?: string;
}

/** Reads the configuration from its files again. Throws a `fix` KubeError when it is missing, unreadable or names no cluster. */
export function loadKubeConfig(source: KubeConfigSource): KubeConfig {
  const config = new KubeConfig();
  try {
    if (source.kubeconfig) config.loadFromFile(source.kubeconfig);
    else if (process.env.KUBERNETES_SERVICE_HOST) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (error) {
    throw errorOfUse(
      `cannot read the kubeconfig (${(error as Error).message}): name one with --kubeconfig, or set KUBECONFIG`,
    );
  }
  if (isLastResort(config))
    throw errorOfUse(
      'there is no kubeconfig: name one with --kubeconfig, set KUBECONFIG, or put one at ~/.kube/config (kind: `kind export kubeconfig`)',
    );
  if (source.context) config.setCurrentContext(source.context);
  if (!config.getContextObject(config.getCurrentContext())) {
    const known = config.getContexts().map(({ name }) => name);
    throw errorOfUse(
      `the kubeconfig has no context ${JSON.stringify(config.getCurrentContext() ?? '')}: choose one of ${known.join(', ') || 'none'} with --context`,
    );
  }
  if (!config.getCurrentCluster()) throw errorOfUse('the kubeconfig context names no known cluster');
  return withPlainLoopback(config);
}

/** The namespace to work in: asked for, else the context's (inside a cluster: the pod's own), else `default`. */
export function namespaceOf(config: KubeConfig, source: KubeConfigSource): string {
  return source.namespace || config.getContextObject(config.getCurrentContext())?.namespace?.trim() || 'default';
}

/** The default of KubeConfig when it finds no file: a plain server on this machine, which nobody means. */
const isLastResort = (config: KubeConfig): boolean =>
  config.getCurrentCluster()?.server === 'http://localhost:8080' && config.getCurrentContext() === 'loaded-context';

/** KubeConfig refuses every plain `http:` server that is not marked insecure; `kubectl proxy` and tests are on loopback. */
function withPlainLoopback(config: KubeConfig): KubeConfig {
  config.clusters = config.clusters.map((cluster) =>
    /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:|\/|$)/.test(cluster.server)
      ? { ...cluster, skipTLSVerify: true }
      : cluster,
  );
  return config;
}
