import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artefact } from './artefact.ts';
import { copyInto, dockerfile, filesIn } from './files.ts';
import { run } from './tools.ts';

/** One static binary of the Go module in `services`, beside the files that deploy it. */
export async function goService(services: string, name: string, version: string): Promise<Artefact> {
  const code = [
    join(services, 'go.mod'),
    ...(await filesIn(join(services, 'serving'), '.go')),
    ...(await filesIn(join(services, name), '.go')),
  ];
  const deploy = await filesIn(join(services, name), '.service');
  return {
    name,
    sources: [...code, ...deploy, dockerfile(services, 'go')],
    recipe: [version],
    make: async (folder) => {
      const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' };
      await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join(folder, name), `./${name}`], {
        cwd: services,
        env,
      });
      await copyInto(folder, deploy);
      await copyFile(dockerfile(services, 'go'), join(folder, 'Dockerfile'));
    },
  };
}
