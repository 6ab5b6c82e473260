import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { output, run } from '../lab/host/exec.ts';
import { repositoryRoot } from '../lab/paths.ts';
import { VERSION_OF_PRODUCT } from '../mesh/installation/version.ts';
import { LAYOUT } from './layout-folder.ts';
import { pushLayout } from './registry/push.ts';
import { connectRegistry } from './registry/registry.ts';
import { withStage } from './stage.ts';
import { versionProblem } from './version.ts';

interface Flags {
  push?: boolean;
  registry?: string;
  plainHttp?: boolean;
  remote: string;
  branch: string;
  out?: string;
}

const program = new Command('npm run release --')
  .description(
    'make a release: version, changelog, images, chart, CLI, packages. Without --push nothing leaves this machine',
  )
  .argument('<version>', 'such as 0.3.0')
  .option('--push', 'push images and chart to the registry, then the commit and the tag to the remote')
  .option('--registry <address>', 'with a path where it has one: registry.example/team')
  .option('--plain-http', 'the registry speaks HTTP: one on this machine')
  .option('--remote <name>', 'where the commit and the tag go', 'origin')
  .option('--branch <name>', 'which branch of the remote gets the commit', 'main')
  .option('--out <folder>', 'where the artefacts go (default: dist/release/VERSION)')
  .action(release);

/** Checks everything that can be checked before anything is made. */
async function release(version: string, flags: Flags): Promise<void> {
  const git = (...args: string[]): Promise<string> => output('git', args, { cwd: repositoryRoot });
  const problem = versionProblem(version, VERSION_OF_PRODUCT, (await git('tag', '--list')).split('\n'));
  if (problem !== undefined) throw new Error(problem);
  if (flags.push && flags.registry === undefined)
    throw new Error('--push needs --registry: the address that images and chart go to');
  const changed = await git('status', '--porcelain', '--untracked-files=no');
  if (flags.push && changed !== '')
    throw new Error(`a release is made of what is committed: commit or drop\n${changed}`);
  const url = flags.push ? await git('remote', 'get-url', '--push', flags.remote) : undefined;

  const out = resolve(flags.out ?? join(repositoryRoot, 'dist/release', version));
  await withStage(repositoryRoot, version, new Date().toISOString().slice(0, 10), async ({ folder, notes }) => {
    await mkdir(out, { recursive: true });
    await run('node', ['--import', 'tsx', 'release/make.ts', out], { cwd: folder, onStderrLine: say });
    await writeFile(join(out, 'notes.md'), notes);
    say(`made ${out}`);
    if (url === undefined) return say('nothing was pushed: --push --registry ADDRESS does that');
    for (const name of await pushLayout(join(out, LAYOUT), registryOf(flags))) say(`pushed ${name}`);
    // Last: a tag without its images would be a release that nobody can install.
    const refs = [`HEAD:refs/heads/${flags.branch}`, `refs/tags/v${version}`];
    await run('git', ['push', '--quiet', '--atomic', url, ...refs], { cwd: folder });
    say(`pushed v${version} to ${flags.remote}: git pull brings it here`);
  });
}

function registryOf({ registry, plainHttp }: Flags): ReturnType<typeof connectRegistry> {
  const { LANDBRIDGE_REGISTRY_USER: user, LANDBRIDGE_REGISTRY_PASSWORD: password } = process.env;
  return connectRegistry(registry!, user && password ? { user, password } : undefined, plainHttp);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
