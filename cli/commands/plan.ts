import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { loadAll } from 'js-yaml';
import type { KubeClient } from '../../clients/kube/client.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { deployments, meshServices, pods } from '../../clients/kube/resources.ts';
import type { Pod } from '../../crds/kubernetes.ts';
import { type MeshService, consulName, parseMeshService } from '../../crds/mesh-service.ts';
import { REASONS } from '../../crds/reasons.ts';
import { type Intent, desiredState } from '../../mesh/desired.ts';
import { type DefaultAccess, withDefaultAccess } from '../../mesh/default-access.ts';
import { diff } from '../../mesh/diff.ts';
import { LABEL_MESH_SERVICE } from '../../mesh/names.ts';
import { podFacts } from '../../mesh/pod.ts';
import { type Plan, describeChange } from '../../mesh/plan.ts';
import { calleesOf } from '../../mesh/traffic/callees.ts';
import { type Neighbourhood, trafficProblems } from '../../mesh/traffic/problems.ts';
import { servicesOf } from '../../mesh/traffic/subset.ts';
import { readActual } from '../../operator/catalog.ts';
import { mayClaimOver } from '../../operator/may-claim.ts';
import { placeOf } from '../../operator/reconcile.ts';
import { refusalOf } from '../refusal-of.ts';
import { type Deployment, envOf } from '../check/look.ts';
import { NAMESPACE } from '../../mesh/installation.ts';
import { type ClusterFlags, consulOf, kubeOf, withClusterFlags } from '../cluster.ts';

/** `landbridge plan`: the operator's walk, stopped before it writes. */
export function planCommand(): Command {
  return withClusterFlags(new Command('plan'))
    .description(
      'show what the operator would write to Consul, and what would be refused; writes nothing. Exit code 2: there are changes, conflicts or refusals',
    )
    .option('-f, --file <file>', 'YAML with MeshServices; - reads standard input (default: those of the namespace)')
    .option('--cluster <name>', 'cluster name of the installation', 'lab')
    .action(async (flags: ClusterFlags & { file?: string; cluster: string }) => {
      const kube = kubeOf(flags);
      const asked =
        flags.file === undefined
          ? (await kube.list<MeshService & { metadata: object }>(meshServices, { namespace: kube.namespace })).items
          : fromFile(flags.file);
      const listed = await kube.list<MeshService & { metadata: object }>(meshServices, {});
      // What is asked about counts in place of what is there under its name, and files may name each other.
      const mine = new Set(asked.map(({ metadata }) => `${metadata.namespace ?? kube.namespace}/${metadata.name}`));
      const rest = listed.items.filter(({ metadata }) => !mine.has(`${metadata.namespace ?? ''}/${metadata.name}`));
      const standard = await defaultAccessOf(kube);
      const everybody = [...asked, ...rest].flatMap((object) => readable(object, standard));
      const named = (service: string) => everybody.filter(({ meshService }) => consulName(meshService) === service);
      const around: Neighbourhood = {
        cluster: flags.cluster,
        named: (service) => named(service).map(({ meshService }) => meshService),
        joining: (service) =>
          everybody
            .map(({ meshService }) => meshService)
            .filter(({ spec }) => servicesOf(spec.traffic).includes(service)),
      };
      const { consul, close } = await consulOf(flags);
      try {
        let clean = true;
        for (const object of asked) {
          const { name, namespace = kube.namespace } = object.metadata;
          // What is there already was not refused.
          const refusal = flags.file && (await refusalOf(kube, object as unknown as KubeObject, namespace));
          if (refusal !== undefined && refusal !== '') {
            clean = false;
            process.stdout.write(`${namespace}/${name}: would be refused\n  ! ${refusal}\n`);
            continue;
          }
          const meshService = withDefaultAccess(parseMeshService(object), standard);
          const live = await kube.list<Pod & { metadata: object }>(pods, {
            namespace,
            labelSelector: `${LABEL_MESH_SERVICE}=${name}`,
          });
          const problems = trafficProblems(meshService, around, meshService);
          const facts = live.items.map((pod) => podFacts(pod));
          // A file does not tell what is held by now.
          const former = listed.items.find(
            ({ metadata }) => metadata.name === name && (metadata.namespace ?? '') === namespace,
          )?.status?.consul?.service;
          const intent: Intent = {
            cluster: flags.cluster,
            namespace,
            name,
            meshService: meshService.metadata.deletionTimestamp === undefined ? meshService : undefined,
            pods: facts,
            formerServices: former === undefined || former === '' ? [] : [former],
            holds: former,
            callees: calleesOf(meshService, named),
            problems,
          };
          const desired = desiredState(intent);
          const plan = diff(desired, await readActual(consul, placeOf(intent), mayClaimOver(kube)), desired.owner);
          clean &&= plan.changes.length === 0 && plan.conflicts.length === 0;
          process.stdout.write(
            planText(`${namespace}/${name}`, plan, [
              ...new Set([...desired.problems, ...problems, ...unreached(object)].map(({ message }) => message)),
            ]),
          );
        }
        if (asked.length === 0) process.stdout.write(`no MeshService in namespace ${kube.namespace}\n`);
        process.exitCode = clean ? 0 : 2;
      } finally {
        close();
      }
    });
}

/** One object of another version must not hide the plan of all others. */
function readable(object: MeshService, standard: DefaultAccess): { meshService: MeshService }[] {
  try {
    return [{ meshService: withDefaultAccess(parseMeshService(object), standard) }];
  } catch {
    return [];
  }
}

/** As the operator was told at the installation. */
async function defaultAccessOf(kube: KubeClient): Promise<DefaultAccess> {
  const operator = await kube.get<Deployment>(deployments, 'landbridge-operator', NAMESPACE);
  return envOf(operator, 'LANDBRIDGE_DEFAULT_ACCESS') === 'Mesh' ? 'Mesh' : 'None';
}

const fromFile = (file: string): MeshService[] =>
  loadAll(readFileSync(file === '-' ? 0 : file, 'utf8')).filter(
    (object): object is MeshService => (object as MeshService | undefined)?.kind === 'MeshService',
  );

/** What the operator says that no plan can mend. */
const unreached = ({ status }: MeshService): { message: string }[] =>
  (status?.conditions ?? []).filter(({ type, status: is }) => type === 'Reachable' && is === 'False');

/** The plan for people; the same words as in the operator's log. */
export function planText(key: string, plan: Plan, problems: string[]): string {
  const lines = [
    ...plan.conflicts.map(({ what, owner, reason }) =>
      reason === 'NameInUse'
        ? `! ${what}: ${REASONS.NameInUse}`
        : `! ${what} belongs to ${owner}; nothing of it would be touched`,
    ),
    ...problems.map((problem) => `! ${problem}`),
    ...plan.changes.map(describeChange),
  ];
  return `${key}: ${plan.changes.length === 0 ? 'no change' : `${plan.changes.length} change(s)`}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
