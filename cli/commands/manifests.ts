import { Command } from 'commander';
import { synthesized } from '../synthesized.ts';

/** `landbridge manifests`: what `kubectl apply -f -` installs. */
export function manifestsCommand(): Command {
  return new Command('manifests')
    .description('print the Kubernetes objects of an installation: landbridge manifests | kubectl apply -f -')
    .option('-f, --values <file>', 'YAML file of values; - reads standard input (default: every default)')
    .action(async (options: { values?: string }) => {
      const objects = await synthesized(options.values);
      const { toYaml } = await import('../../charts/synthesize.ts');
      process.stdout.write(toYaml(objects));
    });
}
