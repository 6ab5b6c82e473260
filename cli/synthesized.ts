import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';

/**
 * The objects of an installation with the values of a file (`-`: standard input; undefined: every default), in the order
 * to apply them. Throws an Error that names the file, or the keys that are wrong.
 */
export async function synthesized(file: string | undefined): Promise<object[]> {
  // Loaded here: the chart's classes take longer than all other commands together.
  const [{ synthesize }, { parseValues }] = await Promise.all([
    import('../charts/synthesize.ts'),
    import('../charts/values.ts'),
  ]);
  return synthesize(parseValues(readValues(file)));
}

function readValues(file: string | undefined): unknown {
  if (file === undefined) return {};
  try {
    // A file of comments only has no document at all: every default.
    const [values = {}, ...more] = loadAll(readFileSync(file === '-' ? 0 : file, 'utf8'));
    if (more.length > 0) throw new Error('it has more than one YAML document');
    return values;
  } catch (error) {
    throw new Error(`the values file ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
