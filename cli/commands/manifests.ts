import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { load } from 'js-yaml';

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
  return load(readFileSync(file === '-' ? 0 : file, 'utf8'));
}
