import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Engine } from '../../lab/engine.ts';
import { repositoryRoot } from '../../lab/paths.ts';
import { runningLab } from '../../lab/running.ts';

const exec = promisify(execFile);
const MEGABYTE = 1_000_000;
/** The bar for the product's image; what it stands on is in it. */
const PRODUCT_BYTES = 180 * MEGABYTE;

/**
 * `docker build .` of each Dockerfile whole, as its users run it. The engine may have no way out, so the images that the
 * arguments name are made here: a Debian with the tools of this machine, and npm's cache filled with what the lock file names.
 */
describe('the Dockerfiles', function () {
  this.timeout(300_000);
  let engine: Engine;
  let folder: string;
  let debian: string;
  const made: string[] = [];

  before(async () => {
    ({ engine } = await runningLab());
    folder = await mkdtemp(join(tmpdir(), 'landbridge-images-'));
    // kind's nodes run a whole Debian: the only image with a shell that is here whatever the engine can reach.
    debian = (
      await engine.docker(['ps', '--filter', 'label=io.x-k8s.kind.role=worker', '--format', '{{.Image}}'])
    ).split('\n')[0]!;
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    if (made.length > 0) await engine.docker(['rmi', '--force', ...made]);
  });

  async function build(tag: string, context: string, ...args: string[]): Promise<void> {
    await engine.docker(['build', '--quiet', '--tag', tag, ...args, context], { timeoutMs: 280_000 });
    made.push(tag);
  }
  const run = (tag: string, ...args: string[]): Promise<string> =>
    engine.docker(['run', '--rm', '--network=none', '--read-only', '--cap-drop=ALL', tag, ...args], {
      timeoutMs: 30_000,
    });
  const inspect = async (tag: string) =>
    (JSON.parse(await engine.docker(['image', 'inspect', tag])) as { Size: number; Config: { User: string } }[])[0]!;

  /** The files of the repository, as a clone has them. */
  async function clone(): Promise<string> {
    const to = join(folder, 'clone');
    const { stdout } = await exec('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: repositoryRoot,
    });
    for (const file of stdout.split('\n').filter((name) => name !== '' && !name.startsWith('lab/go'))) {
      await mkdir(dirname(join(to, file)), { recursive: true });
      await cp(join(repositoryRoot, file), join(to, file)).catch(() => undefined);
    }
    return to;
  }

  /** An image with Node and npm, in which `npm ci` needs no network. */
  async function nodeImage(): Promise<string> {
    const context = join(folder, 'node');
    const npm = (await exec('npm', ['root', '--global'])).stdout.trim();
    await mkdir(context);
    await cp(await realpath(process.execPath), join(context, 'node'));
    await cp(join(npm, 'npm'), join(context, 'npm'), { recursive: true });
    const scratch = join(folder, 'scratch');
    await mkdir(scratch);
    for (const file of ['package.json', 'package-lock.json']) await cp(join(repositoryRoot, file), join(scratch, file));
    await exec(
      'npm',
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--cache', join(context, 'cache')],
      {
        cwd: scratch,
      },
    );
    await rm(scratch, { recursive: true });
    const dockerfile = `FROM ${debian}
ENTRYPOINT []
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY cache /root/.npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV npm_config_offline=true npm_config_cache=/root/.npm
`;
    await writeFile(join(context, 'Dockerfile'), dockerfile);
    await build('landbridge-test/node', context);
    await rm(context, { recursive: true });
    return 'landbridge-test/node';
  }

  it('make the product from its sources alone: under 180 MB, not root, with its bill of materials', async () => {
    const source = await clone();
    const args = { BASE_IMAGE: 'landbridge/base:dev', NODE_IMAGE: await nodeImage() };
    const flags = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    await build('landbridge-test/product', source, ...flags);
    const { Size, Config } = await inspect('landbridge-test/product');
    expect(Size).to.be.below(PRODUCT_BYTES);
    expect(Config.User).to.equal('65532:65532');
    const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
    expect(await run('landbridge-test/product', '--version')).to.equal(version);
    const read = "process.stdout.write(require('fs').readFileSync('/app/landbridge.cdx.json','utf8'))";
    const bill = await engine.docker([
      'run',
      '--rm',
      '--entrypoint',
      '/usr/local/bin/node',
      'landbridge-test/product',
      '-e',
      read,
    ]);
    expect(JSON.parse(bill)).to.include({ bomFormat: 'CycloneDX' });

    await build(
      'landbridge-test/frontend',
      source,
      ...flags,
      '-f',
      `${source}/services/node.Dockerfile`,
      '--build-arg',
      'SERVICE=frontend',
    );
    expect((await inspect('landbridge-test/frontend')).Config.User).to.equal('65532:65532');
    console.log(`product ${(Size / MEGABYTE).toFixed(0)} MB`);
  });
});
