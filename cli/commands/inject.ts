import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { dump, loadAll } from 'js-yaml';
import type { Pod, PodSpec, ObjectMeta } from '../../crds/kubernetes.ts';
import { type MeshService, parseMeshService } from '../../crds/mesh-service.ts';
import { SKIP_REASONS, decide } from '../../mesh/inject/decide.ts';
import { injected } from '../../mesh/inject/patch.ts';

interface KubernetesObject {
  kind: string;
  metadata: ObjectMeta;
  spec: { template?: { metadata?: Partial<ObjectMeta>; spec: PodSpec } } & Record<string, unknown>;
}

/** `landbridge inject`: what the webhook would do, without a cluster and by the same functions. */
export function injectCommand(): Command {
  return new Command('inject')
    .description('add sidecars to the pods and workloads of a file, as the webhook would; prints YAML')
    .requiredOption('-f, --file <file>', 'YAML with workloads and their MeshServices; - reads standard input')
    .option('--image <image>', 'image of the sidecar', 'landbridge/envoy:1.40.0')
    .action((options: { file: string; image: string }) => {
      const text = readFileSync(options.file === '-' ? 0 : options.file, 'utf8');
      const objects = loadAll(text).filter((object): object is KubernetesObject => Boolean(object));
      const meshServices = objects
        .filter((object) => object.kind === 'MeshService')
        .map((object) => parseMeshService(object as never));
      const settings = { image: options.image, imagePullPolicy: 'IfNotPresent' as const };
      for (const object of objects) {
        process.stdout.write(`---\n${dump(withSidecar(object, meshServices, settings), { noRefs: true })}`);
      }
    });
}

function withSidecar(object: KubernetesObject, all: MeshService[], settings: Parameters<typeof injected>[2]) {
  const template =
    object.kind === 'Pod'
      ? { metadata: object.metadata, spec: object.spec as unknown as PodSpec }
      : object.spec?.template;
  if (template === undefined) return object;
  const { name, namespace } = object.metadata;
  const pod: Pod = { metadata: { name, ...template.metadata }, spec: template.spec };
  const decision = decide(
    pod,
    all.filter((meshService) => meshService.metadata.namespace === namespace),
  );
  const what = `${object.kind.toLowerCase()}/${name}`;
  if (decision.do === 'refuse') throw new Error(`${what}: ${decision.message}`);
  if (decision.do === 'skip') {
    process.stderr.write(`${what}: skipped, ${SKIP_REASONS[decision.reason]}\n`);
    return object;
  }
  const protocolOf = (service: string) =>
    all.find((meshService) => (meshService.spec.service ?? meshService.metadata.name) === service)?.spec.protocol;
  const after = injected(pod, decision.meshService, settings, protocolOf);
  process.stderr.write(`${what}: injected for MeshService ${decision.meshService.metadata.name}\n`);
  if (object.kind === 'Pod') return { ...object, metadata: after.metadata, spec: after.spec };
  const { labels, annotations } = after.metadata;
  return {
    ...object,
    spec: { ...object.spec, template: { metadata: { ...template.metadata, labels, annotations }, spec: after.spec } },
  };
}
