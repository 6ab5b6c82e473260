import { textOf } from './manifest/read-manifests.ts';
import type { Value } from './manifest/parse-document.ts';
import { splitDocuments } from './manifest/split-documents.ts';

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
  const text = textOf(file);
  try {
    // A file of comments only has no document at all: every default.
    const [first, ...more] = splitDocuments(text);
    if (more.length > 0) throw new Error('it has more than one YAML document');
    return first === undefined ? {} : asNumbers(first.root.value);
  } catch (error) {
    const { line, message } = error as Error & { line?: number };
    const where = line === undefined ? '' : `line ${line}: `;
    throw new Error(`the values file ${file} cannot be read: ${where}${message}`, { cause: error });
  }
}

/** No value is so big that a float could not hold it; the schema says what is wrong with one that is. */
const asNumbers = (value: Value): unknown =>
  typeof value === 'bigint'
    ? Number(value)
    : Array.isArray(value)
      ? value.map(asNumbers)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asNumbers(inner)]))
        : value;
