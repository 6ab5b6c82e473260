import type { MeshService } from '../../crds/mesh-service.ts';
import type { PodFacts } from '../service/pod.ts';
import { selects } from '../service/selector.ts';
import type { Doors } from './doors.ts';
import { leadsPast } from './past-sidecar.ts';

/** The fields of a Service that are looked at. */
export interface ServiceFacts {
  metadata: { name: string };
  spec?: {
    type?: string;
    clusterIP?: string;
    selector?: Record<string, string>;
    ports?: { port: number; targetPort?: number | string }[];
  };
}

export interface IngressFacts {
  metadata: { name: string };
  spec?: {
    defaultBackend?: { service?: { name?: string } };
    rules?: { http?: { paths?: { backend?: { service?: { name?: string } } }[] } }[];
  };
}

/** A way to ports of the app that does not go by the mesh: callers come by it in plain text, and Strict cuts it. */
export interface Lead {
  kind: 'Service' | 'Ingress';
  name: string;
  /** Callers from outside the cluster come by it. */
  fromOutside: boolean;
  /** How it reads in a sentence. */
  text: string;
}

/** Pods whose labels are looked at. */
const MAX_PODS = 32;
const MAX_LEADS = 8;

/** Services and Ingresses of the namespace that lead past the sidecars, those from outside the cluster first. Services without a selector are not seen. */
export function leadsTo(
  meshService: MeshService,
  doors: Doors,
  pods: readonly PodFacts[],
  { services, ingresses }: { services: readonly ServiceFacts[]; ingresses: readonly IngressFacts[] },
): Lead[] {
  const found = services.flatMap((service) => serviceLead(meshService, doors, pods.slice(0, MAX_PODS), service) ?? []);
  const names = new Set(found.map(({ name }) => name));
  const entries = ingresses.flatMap((ingress): Lead[] => {
    const to = backendsOf(ingress).filter((name) => names.has(name));
    const { name } = ingress.metadata;
    return to.length === 0
      ? []
      : [{ kind: 'Ingress', name, fromOutside: true, text: `Ingress ${name} (to Service ${to.join(', ')})` }];
  });
  const all = [...entries, ...found];
  return [...all.filter(({ fromOutside }) => fromOutside), ...all.filter(({ fromOutside }) => !fromOutside)].slice(
    0,
    MAX_LEADS,
  );
}

function serviceLead(
  meshService: MeshService,
  doors: Doors,
  pods: readonly PodFacts[],
  { metadata: { name }, spec = {} }: ServiceFacts,
): Lead | undefined {
  const { selector = {}, type = 'ClusterIP', clusterIP, ports = [] } = spec;
  if (Object.keys(selector).length === 0) return undefined;
  const pod =
    pods.length === 0
      ? unmade(meshService, selector)
      : pods.find(({ labels }) => selects({ matchLabels: selector }, labels));
  if (pod === undefined) return undefined;
  const targets = ports.map(({ port, targetPort }) => targetPort ?? port);
  const past = targets.filter((port) => leadsPast(doors, port, pod));
  if (past.length === 0) return undefined;
  const kind = clusterIP === 'None' ? 'headless' : type;
  const text = `Service ${name} (${kind}, to port ${[...new Set(past)].slice(0, 5).join(', ')})`;
  return { kind: 'Service', name, fromOutside: type === 'NodePort' || type === 'LoadBalancer', text };
}

/**
 * Without a pod to look at: whether its pods may be selected, as far as the selectors say it. The Service of a Helm chart mostly asks for
 * more labels than the MeshService, so one label in common is enough. A named port is taken to be the one of `spec.port`.
 */
function unmade({ spec }: MeshService, selector: Record<string, string>): Pick<PodFacts, 'ports'> | undefined {
  const labels = spec.workloads.pods?.selector.matchLabels ?? {};
  const common = Object.keys(selector).filter((key) => labels[key] !== undefined);
  if (common.length === 0 || common.some((key) => labels[key] !== selector[key])) return undefined;
  return { ports: typeof spec.port === 'string' ? { [spec.port]: -1 } : {} };
}

const backendsOf = ({ spec = {} }: IngressFacts): string[] => {
  const backends = [
    spec.defaultBackend,
    ...(spec.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend)),
  ];
  return [...new Set(backends.flatMap((backend) => backend?.service?.name ?? []))];
};
