import { readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { dump } from 'js-yaml';

import { atomicWrite } from '../../agent/machine/atomic-write.ts';
import {
  type Definition,
  type InstanceDefinition,
  parseDefinition,
  readDefinitions,
} from '../../agent/instances/definitions.ts';
import { Problem, codeOf } from '../../base/problem.ts';
import { publicFolder } from './public-file.ts';

const READABLE = { mode: 0o644 };

/**
 * Adds the instances to services.d/SERVICE.yaml; an instance with the same port is replaced. `reader` is the user of the
 * agent; undefined: the user of this process. Throws a Problem.
 */
export async function addInstances(
  folder: string,
  service: string,
  instances: InstanceDefinition[],
  reader?: { uid: number; gid: number },
): Promise<void> {
  await publicFolder(dirname(folder), reader);
  await publicFolder(folder, reader);
  const path = join(folder, `${service}.yaml`);
  const before = await readOne(path, `${service}.yaml`);
  if (before !== undefined && before.service !== service)
    throw new Problem(`${path} is about ${before.service}: rename it to ${before.service}.yaml.`);
  const ports = new Set(instances.map(({ port }) => port));
  const kept = before?.instances.filter(({ port }) => !ports.has(port)) ?? [];
  const all = [...kept, ...instances].sort((a, b) => a.port - b.port);
  await atomicWrite(path, textOf(service, all), READABLE);
}

const textOf = (service: string, instances: InstanceDefinition[]): string =>
  `# What runs on this machine. The agent takes changes of this file at once.\n${dump({ service, instances })}`;

async function readOne(path: string, file: string): Promise<Definition | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Problem(`${path} cannot be read (${codeOf(error)}).`);
  });
  if (text === undefined) return undefined;
  const parsed = parseDefinition(file, text);
  if ('problems' in parsed) throw new Problem(`${path} has a mistake, mend it first: ${parsed.problems.join('; ')}.`);
  return parsed.definition;
}

/** Takes one of several instances out of the file of its service. */
export async function removeInstance(folder: string, service: string, port: number): Promise<void> {
  const { definitions } = await readDefinitions(folder, new Map());
  const [file, definition] = [...definitions].find(([, each]) => each.service === service) ?? [];
  if (file === undefined || definition === undefined) return;
  const instances = definition.instances.filter((instance) => instance.port !== port);
  await atomicWrite(join(folder, file), textOf(service, instances), READABLE);
}

/** Removes the files of these services; all files when none is named. Gives the services that had one. */
export async function removeDefinitions(folder: string, services: string[] | 'all'): Promise<string[]> {
  const { definitions } = await readDefinitions(folder, new Map());
  const going = [...definitions].filter(([, { service }]) => services === 'all' || services.includes(service));
  for (const [file] of going) await rm(join(folder, file), { force: true });
  if (services === 'all')
    for (const file of await readdir(folder).catch(() => []))
      if (/\.ya?ml$/.test(file)) await rm(join(folder, file), { force: true });
  return going.map(([, { service }]) => service);
}
