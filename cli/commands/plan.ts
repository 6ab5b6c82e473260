import { Command } from 'commander';
import { REASONS } from '../../crds/reasons.ts';
import { kubeOf, type ClusterFlags, consulOf, withClusterFlags } from '../cluster.ts';
import { readManifests } from '../manifest/read-manifests.ts';
import { meshServicesAsked } from '../plan/asked.ts';
import { type Planned, planner } from '../plan/planner.ts';
import { describeChange } from '../../mesh/catalog/plan.ts';

const collect = (value: string, before: string[] = []): string[] => [...before, value];

interface PlanFlags extends ClusterFlags {
  file?: string[];
  cluster?: string;
}

/** `landbridge plan`: the operator's walk, stopped before it writes. */
export function planCommand(): Command {
  return withClusterFlags(new Command('plan'))
    .description(
      'show the writes to Consul and the NetworkPolicy that the operator would make, and each refusal; writes nothing. Exit code 2: there are changes, conflicts or refusals',
    )
    .option(
      '-f, --file <file>',
      'YAML or JSON with MeshServices, judged as kubectl apply would; - reads standard input; may be repeated (default: those of the namespace)',
      collect,
    )
    .option('--cluster <name>', 'cluster name of the installation (default: the one in the settings of the operator)')
    .action(async (flags: PlanFlags) => {
      const manifests = flags.file && readManifests(flags.file);
      const kube = kubeOf(flags);
      const asked = manifests && meshServicesAsked(manifests, kube.namespace, flags.namespace);
      const { consul, close } = await consulOf(flags);
      try {
        const plan = await planner(kube, consul, flags.cluster);
        let clean = true;
        for await (const planned of asked === undefined ? plan.ofNamespace() : plan.ofFiles(asked)) {
          clean &&= isClean(planned);
          process.stdout.write(planText(planned));
        }
        process.exitCode = clean ? 0 : 2;
      } finally {
        close();
      }
    });
}

const isClean = ({ refusals, plan, policy }: Planned): boolean =>
  refusals.length === 0 &&
  plan !== undefined &&
  plan.changes.length === 0 &&
  plan.conflicts.length === 0 &&
  policy === undefined;

/** The plan for people; the same words as in the operator's log. */
export function planText({ key, refusals, plan, policy, problems }: Planned): string {
  if (plan === undefined)
    return [
      `${key}: ${refusals.length > 0 ? 'would be refused' : 'cannot be planned'}`,
      ...[...refusals, ...problems].map((one) => `  ! ${one}`),
      '',
    ].join('\n');
  const lines = [
    ...plan.conflicts.map(({ what, owner, reason }) =>
      reason === 'NameInUse'
        ? `! ${what}: ${REASONS.NameInUse}`
        : `! ${what} belongs to ${owner}; nothing of it would be touched`,
    ),
    ...problems.map((problem) => `! ${problem}`),
    ...plan.changes.map(describeChange),
    ...(policy === undefined ? [] : [policy]),
  ];
  const changes = plan.changes.length + (policy === undefined ? 0 : 1);
  return `${key}: ${changes === 0 ? 'no change' : `${changes} change(s)`}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
