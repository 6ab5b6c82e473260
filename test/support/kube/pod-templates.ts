import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import type { PodSpec } from '../../../crds/kubernetes.ts';

/** A pod template as a chart of that kind of software has it. */
export interface PodTemplate {
  title: string;
  /** The kind of the workload that it stands in. */
  kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'CronJob' | 'Rollout' | 'Pod';
  spec: PodSpec;
}

const text = readFileSync(new URL('pod-templates.yaml', import.meta.url), 'utf8');

export const POD_TEMPLATES: PodTemplate[] = (loadAll(text) as PodTemplate[]).map(({ spec, ...template }) => {
  const withImage = <T extends object>(container: T): T => ({ image: 'registry.example/app:1', ...container });
  const { containers, initContainers } = spec;
  const init = initContainers === undefined ? {} : { initContainers: initContainers.map(withImage) };
  return { ...template, spec: { ...spec, ...init, containers: containers.map(withImage) } };
});
