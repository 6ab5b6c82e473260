import type { Pod } from '../../crds/kubernetes.ts';
import { type MeshService, consulName } from '../../crds/mesh-service.ts';
import { SKIP_REASONS, type SkipReason, decide } from '../../mesh/inject/decide.ts';
import { injected } from '../../mesh/inject/patch.ts';
import { unknownProtocols } from '../../mesh/service/upstream-variables.ts';
import { selectorQuery } from '../../mesh/service/selector.ts';
import { editedText } from '../manifest/edited-text.ts';
import {
  type Found,
  type KubeValue,
  type Manifest,
  isObject,
  mapObjects,
  objectsOf,
} from '../manifest/read-manifests.ts';
import { podProblem } from '../../operator/admission/admission-shape.ts';
import { isMeshService, readMeshService } from '../manifest/read-mesh-service.ts';
import { WITHOUT_PODS, templateOf, withTemplate } from './pod-template.ts';

export interface InjectOptions {
  /** Namespace for objects that name none, like kubectl's `-n`. Default: unknown. */
  namespace?: string | undefined;
  /** Image of the sidecar. */
  image: string;
}

export interface Injection {
  /** All manifests with sidecars. Text that did not change is kept character by character. */
  text: string;
  /** One sentence for each workload, and for each thing that may surprise. */
  notes: string[];
  /** Why this must not be applied; '' when it may be. */
  refusal: string;
}

/** Does to the workloads of these files the same as the webhook, by the same functions. Throws an Error that names the faulty file. */
export function injectManifests(manifests: Manifest[], { namespace, image }: InjectOptions): Injection {
  const found = objectsOf(manifests);
  const meshServices = found.filter(isMeshService).map(theMeshService);
  const settings = { image, imagePullPolicy: 'IfNotPresent' as const };
  const notes: string[] = [];
  const counts = { injected: 0, done: 0, skipped: 0 };
  const served = new Set<MeshService>();

  function withSidecar(object: KubeValue, kind: string): KubeValue {
    const meta = isObject(object['metadata']) ? object['metadata'] : {};
    const what = `${kind.toLowerCase()}/${String(meta['name'] ?? meta['generateName'] ?? '')}`;
    const template = templateOf(object, kind);
    if (template === undefined) {
      if (!WITHOUT_PODS.has(kind)) notes.push(`${what}: left as it is, no pod template is known in this kind`);
      return object;
    }
    const own = namespaceOf(meta) ?? namespace;
    const metadata = { name: String(meta['name'] ?? ''), ...template.metadata };
    const pod: Pod = { ...(kind === 'Pod' ? { kind } : {}), metadata, spec: template.spec };
    const near = candidates(pod, meshServices, own, namespace);
    if (typeof near === 'string') throw new Error(`${what}: ${near}`);
    const decision = shaped(what, pod, () => decide(pod, near));
    if (decision.do === 'refuse') throw new Error(`${what}: ${decision.message}`);
    // A file keeps the sidecar that it brings: the webhook judges each pod where it is made.
    if (decision.do === 'skip' || decision.do === 'strip') {
      const reason = decision.do === 'strip' ? 'NotSelected' : decision.reason;
      counts[isDone(reason) ? 'done' : 'skipped']++;
      notes.push(`${what}: skipped, ${reasonOf(reason, meshServices.length)}`);
      for (const meshService of near.filter((one) => isSelected(pod, one))) served.add(meshService);
      return object;
    }
    const { meshService } = decision;
    counts.injected++;
    served.add(meshService);
    notes.push(
      `${what}: injected for MeshService ${meshService.metadata.name}${otherwise(own, meshService, namespace)}`,
    );
    const unknown = unknownProtocols(meshService.spec, (service) => protocolOf(service, meshServices));
    notes.push(...[...(decision.warnings ?? []), ...unknown].map((note) => `${what}: ${note}`));
    const spoken = (service: string) => protocolOf(service, meshServices);
    const after = shaped(what, pod, () => injected(pod, meshService, settings, spoken));
    const { name: _name, ...changed } = after.metadata;
    const named = template.metadata.name === undefined ? changed : after.metadata;
    return withTemplate(object, kind, { metadata: named, spec: after.spec });
  }

  const parts = manifests.map(({ text, documents }) => {
    let [part, at] = ['', 0];
    for (const { start, end, json, root } of documents) {
      const own = text.slice(start, end);
      const after = mapObjects(root.value as KubeValue, withSidecar);
      part += text.slice(at, start) + editedText(own, root, after, json);
      at = end;
    }
    return part + text.slice(at);
  });
  for (const meshService of meshServices)
    if (meshService.spec.workloads.pods !== undefined && !served.has(meshService))
      notes.push(
        `meshservice/${meshService.metadata.name}: it selects no pod of what was given (its selector: ${selectorQuery(meshService.spec.workloads.pods.selector)})`,
      );
  return { text: joined(parts), notes, refusal: refusalOf(counts, meshServices.length) };
}

function theMeshService(found: Found): MeshService {
  const read = readMeshService(found);
  if ('problems' in read) throw new Error(read.problems.join('\n'));
  return read.meshService;
}

/** Does `work`; where the pod is what no API server takes, an Error names the field. Asked after a failure only, as in the webhook. */
function shaped<T>(what: string, pod: Pod, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const problem = error instanceof TypeError ? podProblem(pod) : undefined;
    throw problem === undefined ? error : new Error(`${what}: ${problem}`, { cause: error });
  }
}

const namespaceOf = (metadata: KubeValue): string | undefined => {
  const { namespace } = metadata;
  return typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
};

/**
 * The MeshServices that may be in the pod's namespace. Where the pod or the MeshService names no namespace, the MeshService that
 * selects the pod counts. Returns a sentence when several namespaces are possible.
 */
function candidates(
  pod: Pod,
  all: MeshService[],
  own: string | undefined,
  standard: string | undefined,
): MeshService[] | string {
  const of = (meshService: MeshService) => meshService.metadata.namespace || standard;
  const open = all.filter((one) => own === undefined || of(one) === undefined || of(one) === own);
  const spaces = new Set(open.filter((one) => isSelected(pod, one)).flatMap((one) => of(one) ?? []));
  if (spaces.size < 2) return open;
  return `MeshServices of several namespaces select it (${[...spaces].join(', ')}), and it names none: give metadata.namespace, or -n`;
}

const isSelected = (pod: Pod, meshService: MeshService): boolean => {
  const bare: Pod = { metadata: { name: '', labels: pod.metadata.labels ?? {} }, spec: { containers: [] } };
  return decide(bare, [meshService]).do === 'inject';
};

const isDone = (reason: SkipReason): boolean => reason === 'AlreadyInjected' || reason === 'OptedOut';

const reasonOf = (reason: SkipReason, meshServices: number): string =>
  reason === 'NotSelected' && meshServices > 0 ? 'no MeshService that was given selects the pod' : SKIP_REASONS[reason];

/** How it has to be applied, where the files leave that open. */
function otherwise(own: string | undefined, meshService: MeshService, standard: string | undefined): string {
  const its = meshService.metadata.namespace || standard;
  if (own !== undefined && its === undefined) return `, which names no namespace: apply both with kubectl -n ${own}`;
  if (own === undefined && its !== undefined) return `; it names no namespace: apply it with kubectl -n ${its}`;
  return '';
}

const protocolOf = (service: string, meshServices: MeshService[]): string | undefined =>
  meshServices.find((one) => consulName(one) === service)?.spec.protocol;

function refusalOf({ injected: count, done, skipped }: Record<'injected' | 'done' | 'skipped', number>, given: number) {
  if (count > 0 || (done > 0 && skipped === 0)) return '';
  if (skipped === 0) return 'nothing was injected: there is no workload in what was given';
  if (given === 0)
    return 'nothing was injected: there is no MeshService in what was given, and inject asks no cluster: add its file with another -f';
  return 'nothing was injected: no MeshService that was given gets a sidecar for any workload of it; compare spec.workloads.pods.selector with the labels of the pod templates, and the namespaces (-n)';
}

/** One after the other, with a separator where a file does not begin with one. */
const joined = (parts: string[]): string =>
  parts.reduce((before, part) => {
    if (before === '') return part;
    const line = before.endsWith('\n') ? before : `${before}\n`;
    return /^\uFEFF?---(\s|$)/.test(part) ? line + part : `${line}---\n${part}`;
  }, '');
