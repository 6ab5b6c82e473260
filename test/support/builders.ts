import { type MeshService, type MeshServiceSpecInput, parseMeshService } from '../../crds/mesh-service.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import type { PodFacts } from '../../mesh/service/pod.ts';

/** A MeshService as the API server would hand it out; say only what the test is about. */
export function aMeshService(
  name: string,
  spec: Partial<MeshServiceSpecInput> = {},
  metadata: Partial<MeshService['metadata']> = {},
): MeshService {
  const base = { port: 8080, workloads: { pods: { selector: { matchLabels: { app: name } } } } };
  return parseMeshService({
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, generation: 1, ...metadata },
    spec: { ...base, ...spec },
  });
}

export function aPodFacts(name: string, facts: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    meshService: 'sub-svc',
    injected: true,
    labels: { app: facts.meshService ?? 'sub-svc' },
    ip: '10.244.1.7',
    node: 'worker',
    hostIp: '10.89.0.3',
    hostPort: undefined,
    version: undefined,
    zone: undefined,
    ready: true,
    terminating: false,
    finished: false,
    notReadyBecause: '',
    ports: {},
    ...facts,
  };
}

export function aPod(name: string, labels: Record<string, string>, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels },
    spec: { containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }], ...spec },
  };
}
