import { Command } from 'commander';
import { ENVOY_IMAGE } from '../../charts/values/images.ts';
import { injectManifests } from '../inject/inject-manifests.ts';
import { readManifests } from '../manifest/read-manifests.ts';

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** `landbridge inject`: does the work of the webhook without a cluster, by the same functions. */
export function injectCommand(): Command {
  return new Command('inject')
    .description('add sidecars to the pods and workloads of files, as the webhook would; prints the files')
    .requiredOption(
      '-f, --file <file>',
      'YAML or JSON with workloads and their MeshServices; - reads standard input; may be repeated',
      collect,
    )
    .option('-n, --namespace <name>', 'of objects that name none, as with kubectl')
    .option('--image <image>', 'image of the sidecar', ENVOY_IMAGE)
    .addHelpText(
      'after',
      `
Lines without a change are printed as they were written. When nothing was injected, nothing is printed, and the exit code is 1.
  helm template shop ./chart | landbridge inject -n shop -f - -f meshservice.yaml | kubectl apply -n shop -f -`,
    )
    .action(({ file, namespace, image }: { file: string[]; namespace?: string; image: string }) => {
      const { text, notes, refusal } = injectManifests(readManifests(file), { namespace, image });
      for (const note of notes) process.stderr.write(`${note}\n`);
      if (refusal !== '') throw new Error(refusal);
      process.stdout.write(text);
    });
}
