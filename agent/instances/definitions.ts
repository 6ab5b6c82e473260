import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { z } from 'zod';

import { labelValue } from '../../crds/traffic.ts';
import { name } from '../../mesh/outside/bridge-shapes.ts';
import { localCheckSpec } from '../../mesh/outside/check-spec.ts';

import { codeOf, messageOf } from '../../base/problem.ts';

const count = z.int().min(1).max(100);

const localInstance = z
  .strictObject({
    /** Where the app listens on 127.0.0.1; 0 for a member that only calls others. */
    port: z.int().min(0).max(65535),
    /** Default: a TCP connection to the port. */
    check: localCheckSpec.optional(),
    /** Failures in a row before the instance is critical; default 1. */
    failures: count.default(1),
    /** Successes in a row before it is passing again; default 1. */
    successes: count.default(1),
    version: z.string().min(1).max(63).optional(),
    /** Where this machine stands, for subsets `zone:NAME`; as the label topology.kubernetes.io/zone of a node. */
    zone: labelValue.optional(),
  })
  .refine((instance) => instance.port !== 0 || instance.check === undefined, {
    path: ['check'],
    message: 'an instance without a port (0) has nothing to check',
  })
  .transform((instance) => ({
    ...instance,
    check: instance.port === 0 ? undefined : (instance.check ?? localCheckSpec.parse({ type: 'tcp' })),
  }));

export const definition = z.strictObject({
  service: name,
  instances: z
    .array(localInstance)
    .min(1)
    .max(256)
    .refine((instances) => new Set(instances.map(({ port }) => port)).size === instances.length, {
      message: 'two instances have the same port',
    }),
});

/** One service of this machine, as written in services.d/SERVICE.yaml. */
export type Definition = z.output<typeof definition>;
export type InstanceDefinition = Definition['instances'][number];

/** The last valid content of services.d, by file. */
export type Definitions = ReadonlyMap<string, Definition>;

/** The definition in a YAML text, or one sentence for each thing that is wrong, naming file and field. */
export function parseDefinition(file: string, text: string): { definition: Definition } | { problems: string[] } {
  if (text.trim() === '') return { problems: [`${file}: it is empty; service and instances are wanted`] };
  let value: unknown;
  try {
    value = load(text);
  } catch (error) {
    return { problems: [`${file}: not YAML (${messageOf(error).split('\n')[0]})`] };
  }
  const result = definition.safeParse(value);
  if (result.success) return { definition: result.data };
  return { problems: result.error.issues.map((issue) => `${file}: ${fieldOf(issue.path)}${issue.message}`) };
}

const fieldOf = (path: PropertyKey[]): string =>
  path.length === 0
    ? ''
    : `${path.map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index ? '.' : ''}${String(step)}`)).join('')}: `;

/**
 * Reads the folder. A file that is wrong keeps what it said before, so that a slip of the editor takes nothing out of
 * the mesh; a file that is gone is gone.
 */
export async function readDefinitions(
  folder: string,
  before: Definitions,
): Promise<{ definitions: Definitions; problems: string[] }> {
  const definitions = new Map<string, Definition>();
  const problems: string[] = [];
  const files = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    problems.push(`${folder} cannot be read (${codeOf(error)}): the agent's user must be able to list it`);
    return [...before.keys()];
  });
  for (const file of files.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort()) {
    const parsed = await readOne(folder, file);
    if ('problems' in parsed) problems.push(...parsed.problems);
    const said = 'definition' in parsed ? parsed.definition : before.get(file);
    const twin = said && [...definitions].find(([, other]) => other.service === said.service);
    if (twin) problems.push(`${file}: service ${said.service} is in ${twin[0]} already; put all its instances there`);
    else if (said) definitions.set(file, said);
  }
  return { definitions, problems };
}

async function readOne(folder: string, file: string): Promise<ReturnType<typeof parseDefinition>> {
  try {
    return parseDefinition(file, await readFile(join(folder, file), 'utf8'));
  } catch (error) {
    const code = codeOf(error);
    const remedy = code === 'EACCES' ? `: let the agent's user read it (chmod 644 ${join(folder, file)})` : '';
    return { problems: [`${file}: cannot be read (${code})${remedy}`] };
  }
}
