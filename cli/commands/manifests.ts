import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { loadAll } from 'js-yaml';

/** `landbridge manifests`: what `kubectl apply -f -` installs. */
export function manifestsCommand(): Command {
  return new Command('manifests')
    .description('print the Kubernetes objects of an installation: landbridge manifests | kubectl apply -f -')
    .option('-f, --values <file>', 'YAML file of values; - reads standard input (default: every default)')
    .action(async (options: { values?: string }) => {
      // Loaded here: the chart's classes take longer than all other commands together.
      const [{ synthesize, toYaml }, { parseValues }] = await Promise.all([
        import('../../charts/synthesize.ts'),
        import('../../charts/values.ts'),
      ]);
      process.stdout.write(toYaml(synthesize(parseValues(readValues(options.values)))));
    });
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
