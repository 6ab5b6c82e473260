import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Engine } from '../../lab/engine/engine.ts';
import { buildImage } from '../../lab/images/build-image.ts';
import type { Image } from '../../lab/images/image.ts';
import { repositoryRoot } from '../../lab/paths.ts';
import { runningLab } from '../../lab/running.ts';

const exec = promisify(execFile);
const text = async (command: string, ...args: string[]): Promise<string> =>
  (await exec(command, args, { cwd: repositoryRoot, maxBuffer: 1 << 24 })).stdout.trim();

/** The bar for the product's image, with what it stands on. */
const PRODUCT_BYTES = 180_000_000;
const BASE_IMAGE = 'landbridge/base:dev';

/** BuildKit passes over stages that the last one does not stand on. The classic builder, which the lab's engine has, makes them all. */
const withoutPrebuilt = (dockerfile: string): string =>
  dockerfile.replace(/^FROM runtime AS prebuilt\n[^]*?(?=^FROM )/m, '');

/**
 * `docker build .` of each Dockerfile whole, from the files that a clone has, as its users run it. The engine may have no
 * way out, so the images that the arguments name are made here: a Debian with the tools of this machine.
 */
describe('the Dockerfiles', function () {
  this.timeout(300_000);
  let engine: Engine;
  let folder: string;
  /** Of kind's nodes, which run a whole Debian: the only image with a shell that is here whatever the engine can reach. */
  let debian: string;
  let sources: Record<string, string>;
  const made: string[] = [];

  before(async () => {
    ({ engine } = await runningLab());
    folder = await mkdtemp(join(tmpdir(), 'landbridge-images-'));
    const nodes = await engine.docker(['ps', '--filter', 'label=io.x-k8s.kind.role=worker', '--format', '{{.Image}}']);
    debian = nodes.split('\n')[0]!;
    const files = (await text('git', 'ls-files', '--cached')).split('\n');
    sources = Object.fromEntries(
      files.filter((file) => !/^(lab\/go\/|Dockerfile$)/.test(file)).map((file) => [file, join(repositoryRoot, file)]),
    );
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    if (made.length > 0) await engine.docker(['rmi', '--force', ...made]);
  });

  async function build(name: string, image: Omit<Image, 'tag'>): Promise<string> {
    const tag = `landbridge-test/${name}:dev`;
    await buildImage(engine, { tag, ...image });
    made.push(tag);
    return tag;
  }
  const tools = (name: string, context: Record<string, string>, ...lines: string[]): Promise<string> =>
    build(name, { dockerfile: [`FROM ${debian}`, 'ENTRYPOINT []', ...lines, ''].join('\n'), context });
  const whole = async (name: string, file: string, args: Record<string, string>): Promise<string> =>
    build(name, {
      dockerfile: withoutPrebuilt(await readFile(join(repositoryRoot, file), 'utf8')),
      context: sources,
      args: { BASE_IMAGE, ...args },
    });
  const run = (tag: string, entrypoint: string, ...args: string[]): Promise<string> =>
    engine.docker(
      ['run', '--rm', '--network=none', '--read-only', '--cap-drop=ALL', '--entrypoint', entrypoint, tag, ...args],
      { timeoutMs: 60_000 },
    );
  async function inspect(tag: string): Promise<{ Size: number; Config: { User: string } }> {
    const [found] = JSON.parse(await engine.docker(['image', 'inspect', tag])) as [Awaited<ReturnType<typeof inspect>>];
    return found;
  }

  /** Node and npm, with all that the lock file names in npm's cache. */
  async function nodeTools(): Promise<string> {
    const cache = join(folder, 'cache');
    const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--cache', cache];
    const scratch = await mkdtemp(join(folder, 'install-'));
    for (const file of ['package.json', 'package-lock.json']) await exec('cp', [join(repositoryRoot, file), scratch]);
    await exec('npm', install, { cwd: scratch, maxBuffer: 1 << 24 });
    const npm = '/usr/local/lib/node_modules/npm';
    return tools(
      'node',
      { node: await realpath(process.execPath), npm: join(await text('npm', 'root', '--global'), 'npm'), cache },
      'COPY node /usr/local/bin/node',
      `COPY npm ${npm}`,
      'COPY cache /root/.npm',
      `RUN ln -s ${npm}/bin/npm-cli.js /usr/local/bin/npm && ln -s ${npm}/bin/npx-cli.js /usr/local/bin/npx`,
      'ENV npm_config_offline=true npm_config_cache=/root/.npm',
    );
  }

  it('make the product of a clone: under 180 MB, not root, with its bill of materials', async () => {
    const NODE_IMAGE = await nodeTools();
    const product = await whole('product', 'Dockerfile', { NODE_IMAGE });
    const { Size, Config } = await inspect(product);
    console.log(`    ${product}: ${(Size / 1e6).toFixed(0)} MB`);
    expect(Size).to.be.below(PRODUCT_BYTES);
    expect(Config.User).to.equal('65532:65532');
    const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
    expect(await run(product, '/usr/local/bin/node', '/app/landbridge.mjs', '--version')).to.equal(version);
    const read = "process.stdout.write(require('fs').readFileSync('/app/landbridge.cdx.json','utf8'))";
    const bill = JSON.parse(await run(product, '/usr/local/bin/node', '-e', read)) as {
      components: { name: string }[];
    };
    expect(bill.components.map(({ name }) => name)).to.include.members(['js-yaml', '@kubernetes/client-node']);

    const frontend = await whole('frontend', 'services/node.Dockerfile', { NODE_IMAGE, SERVICE: 'frontend' });
    expect((await inspect(frontend)).Config.User).to.equal('65532:65532');
    expect(await run(frontend, '/usr/local/bin/node', '--check', '/app/service.mjs')).to.equal('');
  });

  it('make a service in Go', async () => {
    const GO_IMAGE = await tools(
      'go',
      { go: await text('go', 'env', 'GOROOT') },
      'COPY go /usr/local/go',
      'ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOTOOLCHAIN=local',
    );
    const echo = await whole('echo', 'services/go.Dockerfile', { GO_IMAGE, SERVICE: 'echo' });
    expect((await inspect(echo)).Config.User).to.equal('65532:65532');
    await run(echo, '/app/service', '--help').then(
      () => expect.fail('it takes no --help'),
      (error: Error) => expect(error.message).to.match(/port/),
    );
  });

  it('make a service in Java, with its own runtime', async () => {
    const home = dirname(dirname(await realpath(await text('which', 'javac'))));
    // Debian keeps a JDK's settings in /etc, behind links.
    const settings = dirname(dirname(await realpath(join(home, 'conf/security/java.security'))));
    const JDK_IMAGE = await tools(
      'jdk',
      { jdk: home, settings },
      `COPY jdk ${home}`,
      `COPY settings ${settings}`,
      `ENV PATH=${home}/bin:/usr/bin:/bin`,
    );
    const args = { JDK_IMAGE, SERVICE: 'add-svc', MAIN_CLASS: 'sample.AddSvc' };
    const addSvc = await whole('add-svc', 'services/java.Dockerfile', args);
    expect((await inspect(addSvc)).Config.User).to.equal('65532:65532');
    const modules = await run(addSvc, '/opt/jre/bin/java', '@/opt/jre/jvm.args', '--list-modules');
    expect(modules).to.contain('jdk.httpserver').and.not.to.contain('java.desktop');
  });
});
