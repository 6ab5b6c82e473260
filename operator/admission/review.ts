import type { Pod } from '../../crds/kubernetes.ts';
import type { MeshService } from '../../crds/mesh-service.ts';
import { type Decision, decide } from '../../mesh/inject/decide.ts';
import { leftoverOperations } from '../../mesh/inject/leftover.ts';
import type { Operation } from '../../mesh/inject/operations.ts';
import { injectionPatch } from '../../mesh/inject/patch.ts';
import { unknownProtocols } from '../../mesh/service/upstream-variables.ts';
import type { SidecarSettings } from '../../mesh/inject/sidecar.ts';
import { overlapMessage } from '../../mesh/service/overlap.ts';
import { speakerOf } from '../../mesh/traffic/holder.ts';

/** admission.k8s.io/v1, the fields that are read. */
export interface AdmissionRequest {
  uid: string;
  kind: { kind: string };
  namespace?: string;
  name?: string;
  operation: string;
  dryRun?: boolean;
  object?: Pod;
}

export interface AdmissionResponse {
  uid: string;
  allowed: boolean;
  patchType?: 'JSONPatch';
  patch?: string;
  status?: { code: number; message: string };
  warnings?: string[];
}

export interface Reviewed {
  response: AdmissionResponse;
  decision: Decision;
}

/**
 * Answers one admission from memory: neither Consul nor the API server is asked. `meshServices` gives those of a
 * namespace; `hostPortIn` chooses a port of the node for a pod there, where it may have one: without, it is made all the
 * same, and the MeshService's condition says why; `named` gives MeshServices of every namespace by their name in Consul. The request's namespace counts: a pod made by a controller may leave its
 * own empty.
 */
export function review(
  request: AdmissionRequest,
  meshServices: (namespace: string) => MeshService[],
  settings: SidecarSettings,
  hostPortIn: (namespace: string, pod: Pod) => number | undefined,
  named: (service: string) => MeshService[] = () => [],
): Reviewed {
  const pod = request.object;
  if (request.kind.kind !== 'Pod' || pod === undefined) {
    const message = 'the landbridge webhook reviews pods only: send it nothing else';
    return { decision: { do: 'refuse', message }, response: refusal(request.uid, message) };
  }
  const namespace = request.namespace ?? pod.metadata.namespace ?? '';
  const inNamespace = meshServices(namespace);
  const decision = decide(pod, inNamespace, namespace);
  switch (decision.do) {
    case 'skip':
      return { decision, response: { uid: request.uid, allowed: true } };
    case 'refuse':
      return { decision, response: refusal(request.uid, decision.message) };
    case 'strip':
      return { decision, response: patched(request.uid, leftoverOperations(pod), [decision.message]) };
    case 'inject': {
      const { meshService, others = [], warnings: portWarnings = [] } = decision;
      const protocolOf = (service: string) =>
        (speakerOf(service, named(service)) ?? speakerOf(service, inNamespace))?.spec.protocol;
      const hostPort = meshService.spec.reach === 'hostPort' ? hostPortIn(namespace, pod) : undefined;
      const patch = injectionPatch(pod, meshService, settings, protocolOf, hostPort, namespace);
      const warnings = [
        ...portWarnings,
        ...others.map((other) => overlapMessage(meshService, other)),
        ...unknownProtocols(meshService.spec, protocolOf),
      ];
      return { decision, response: patched(request.uid, patch, warnings) };
    }
  }
}

const patched = (uid: string, patch: Operation[], warnings: string[]): AdmissionResponse => ({
  uid,
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
  ...(warnings.length === 0 ? {} : { warnings }),
});

const refusal = (uid: string, message: string): AdmissionResponse => ({
  uid,
  allowed: false,
  status: { code: 403, message },
});
