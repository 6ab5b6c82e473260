import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServicePlan } from '../../mesh/outside/bridge-api.ts';

import { atomicWrite } from '../machine/atomic-write.ts';

const SUFFIX = '.env';

/** Where an app's unit finds its upstreams: `EnvironmentFile=-/run/landbridge/SERVICE.env`, see systemd.exec(5). */
export const variableFile = (folder: string, service: string): string => join(folder, `${service}${SUFFIX}`);

/** One file a service whose upstreams are bound on this machine; files of other services go. */
export async function writeVariableFiles(folder: string, plans: ServicePlan[]): Promise<void> {
  const wanted = new Map(plans.map((plan) => [`${plan.service}${SUFFIX}`, variableLines(plan)]));
  for (const [file, text] of wanted) await atomicWrite(join(folder, file), text, { mode: 0o644 });
  const left = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith(SUFFIX) && !wanted.has(file));
  for (const file of left) await rm(join(folder, file), { force: true });
}

function variableLines({ upstreams }: ServicePlan): string {
  const lines = upstreams.flatMap(({ variable }) => (variable ? [`${variable.name}=${variable.value}\n`] : []));
  return `# Written by the Landbridge agent.\n${lines.join('')}`;
}
