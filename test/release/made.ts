import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../lab/paths.ts';
import { type RealRegistry, startRegistry } from './registry.ts';

const exec = promisify(execFile);

/** The version that the tests release: newer than any other. */
export const VERSION = '99.1.0-rc.1';

export interface Release {
  /** The artefacts. */
  out: string;
  folder: string;
  /** The bare repository that the release was pushed to. */
  remote: string;
  /** The clone that its user has. */
  clone: string;
  registry: RealRegistry;
  /** The output of the command. */
  said: string;
  remove(): Promise<void>;
}

export async function sh(
  command: string,
  args: readonly string[],
  cwd?: string,
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
  return (await exec(command, args, options)).stdout;
}

/** Releases what is committed, with `--push`, to a registry and a repository on this machine. */
export async function makeRelease(): Promise<Release> {
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-release-test-'));
  const [remote, clone, out] = [join(folder, 'remote.git'), join(folder, 'clone'), join(folder, 'out')];
  const registry = await startRegistry(join(folder, 'registry')).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const remove = async (): Promise<void> => {
    registry.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const head = (await sh('git', ['rev-parse', 'HEAD'], repositoryRoot)).trim();
    await mkdir(remote);
    await sh('git', ['init', '--quiet', '--bare', '--initial-branch=main'], remote);
    await sh('git', ['push', '--quiet', remote, `${head}:refs/heads/main`], repositoryRoot);
    await sh('git', ['clone', '--quiet', remote, clone]);
    await sh('cp', ['-a', join(repositoryRoot, 'node_modules'), clone]);
    const said = await sh(
      'npm',
      [
        ...['run', '--silent', 'release', '--', VERSION, '--push', '--out', out],
        ...['--registry', `${registry.host}/team`, '--plain-http'],
      ],
      clone,
      { LANDBRIDGE_REGISTRY_USER: registry.user, LANDBRIDGE_REGISTRY_PASSWORD: registry.password },
    );
    return { out, folder, remote, clone, registry, said, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
