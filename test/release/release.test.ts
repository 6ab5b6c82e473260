import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { load, loadAll } from 'js-yaml';
import { installTools } from '../../lab/host/debian-packages.ts';
import { attempt } from '../../lab/host/exec.ts';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { silent } from '../../lab/progress/progress.ts';
import { MEDIA } from '../../release/images/layout.ts';
import { testPackages } from './packages.ts';
import { type Release, VERSION, makeRelease, sh } from './made.ts';

interface Manifest {
  manifests?: { digest: string; platform?: { architecture: string }; artifactType?: string }[];
  config?: { digest: string };
  layers?: { digest: string }[];
}

interface ImageFile {
  architecture: string;
  os: string;
  config: { User: string; Entrypoint: string[]; Labels: Record<string, string> };
}

/** `npm run release -- VERSION --push` as it is, once, and every artefact in the hands of the program that will use it. */
describe('a release', function () {
  this.timeout(1_800_000);
  let made: Release;
  const at = (name: string): string => join(made.out, name);
  /** The word of Landbridge about its version, run by Node for arm64 in an emulator. */
  const underArm = (root: string, ...command: string[]): Promise<string> =>
    sh('qemu-aarch64-static', ['-L', root, ...command.map((word) => (word.startsWith('/') ? join(root, word) : word))]);

  before(async () => {
    const tools = { 'qemu-aarch64-static': 'qemu-user-static', zsh: 'zsh', fish: 'fish', mandoc: 'mandoc' };
    await installTools(
      Object.entries(tools).map(([command, name]) => ({ command, package: name })),
      silent,
    );
    made = await makeRelease();
  });
  after(() => made?.remove());

  it('is a commit and a tag at the remote, and leaves the tree of its user as it was', async () => {
    const shown = (path: string): Promise<string> => sh('git', ['show', `v${VERSION}:${path}`], made.remote);
    expect((await sh('git', ['log', '-1', '--format=%s', 'main'], made.remote)).trim()).to.equal(
      `chore(release): ${VERSION}`,
    );
    expect(JSON.parse(await shown('package.json'))).to.have.property('version', VERSION);
    const lock = JSON.parse(await shown('package-lock.json')) as {
      version: string;
      packages: { '': { version: string } };
    };
    expect([lock.version, lock.packages[''].version]).to.deep.equal([VERSION, VERSION]);
    expect(await shown('CHANGELOG.md')).to.match(new RegExp(`^## ${VERSION}, \\d{4}-\\d{2}-\\d{2}$`, 'm'));
    expect(await shown('Dockerfile.bridge')).to.contain(`landbridge/landbridge:${VERSION}\n`);
    expect(await shown('docs/values.md')).to.contain(`landbridge/bridge:${VERSION}`);
    expect(await sh('git', ['status', '--porcelain'], made.clone)).to.equal('');
    expect((await sh('git', ['tag'], made.clone)).trim()).to.equal('');
    expect((await readFile(at('notes.md'), 'utf8')).trim()).not.to.equal('');
  });

  it('has the checksum of every file', async () => {
    expect(await sh('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], made.out)).to.equal('');
    const named = (await readFile(at('SHA256SUMS'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split('  ')[1]!);
    const files = (await readdir(made.out, { withFileTypes: true })).filter((entry) => entry.isFile());
    expect(named).to.have.members(
      files.map(({ name }) => name).filter((name) => !/^(SHA256SUMS|notes\.md)$/.test(name)),
    );
    expect(named).to.include.members(
      ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'].map((name) => `landbridge-${VERSION}-${name}`),
    );
  });

  /** A manifest as registries give it. */
  const manifest = async (name: string, reference: string): Promise<Manifest> => {
    const answer = await made.registry.get(
      `/v2/team/${name}/manifests/${reference}`,
      `${MEDIA.index}, ${MEDIA.manifest}`,
    );
    expect(answer.status, `${name} ${reference}`).to.equal(200);
    return (await answer.json()) as Manifest;
  };
  const blob = async (name: string, digest: string): Promise<Buffer> => {
    const bytes = Buffer.from(await (await made.registry.get(`/v2/team/${name}/blobs/${digest}`)).arrayBuffer());
    expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).to.equal(digest);
    return bytes;
  };
  async function pulled(name: string, architecture: string): Promise<{ root: string; config: ImageFile }> {
    const index = await manifest(name, VERSION);
    const { digest } = index.manifests!.find(({ platform }) => platform?.architecture === architecture)!;
    const { config, layers } = await manifest(name, digest);
    const root = join(made.folder, `${name.replace('/', '-')}-${architecture}`);
    await mkdir(root);
    for (const layer of layers!) {
      const file = join(made.folder, 'layer.tar.gz');
      await writeFile(file, await blob(name, layer.digest));
      await sh('tar', ['-xzf', file, '-C', root]);
    }
    return { root, config: JSON.parse((await blob(name, config!.digest)).toString()) as ImageFile };
  }

  it('has images for amd64 and arm64 in the registry, which run the program on a supported Node', async () => {
    const amd = await pulled('landbridge/landbridge', 'amd64');
    expect(amd.config).to.deep.include({ architecture: 'amd64', os: 'linux' });
    expect(amd.config.config).to.include({ User: '65532:65532' });
    expect(amd.config.config.Labels).to.include({ 'org.opencontainers.image.version': VERSION });
    const node = '/usr/local/bin/node';
    expect(
      await sh('chroot', ['--userspec=65532:65532', amd.root, ...amd.config.config.Entrypoint, '--version']),
    ).to.equal(`${VERSION}\n`);
    expect(await sh('chroot', [amd.root, node, '--version'])).to.match(/^v24\./);
    const arm = await pulled('landbridge/bridge', 'arm64');
    expect(await underArm(arm.root, node, '/app/landbridge.mjs', '--version')).to.equal(`${VERSION}\n`);
    expect(await underArm(arm.root, '/vm-files/envoy-linux-arm64', '--version')).to.match(/\/1\.\d+\.\d+\//);
    const bridge = await pulled('landbridge/bridge', 'amd64');
    expect(await sh('chroot', [bridge.root, '/vm-files/envoy-linux-x64', '--version'])).to.match(/\/1\.\d+\.\d+\//);
  });

  it('has a bill of materials hung on each image in the registry', async () => {
    for (const name of ['landbridge/landbridge', 'landbridge/bridge']) {
      const { manifests } = await manifest(name, VERSION);
      expect(manifests).to.have.length(2);
      for (const { digest } of manifests!) {
        const [hung] = (await manifest(name, digest.replace(':', '-'))).manifests!;
        expect(hung!.artifactType).to.equal('application/vnd.cyclonedx+json');
        const { layers } = await manifest(name, hung!.digest);
        const bill = JSON.parse((await blob(name, layers![0]!.digest)).toString()) as {
          components: { name: string }[];
        };
        const names = bill.components.map((component) => component.name);
        expect(names).to.include.members(['node', 'libc6', 'ca-certificates', 'zod']);
        expect(names.includes('envoy')).to.equal(name === 'landbridge/bridge');
      }
    }
  });

  it('has a chart that Helm pulls from the registry and renders with images of the version', async () => {
    const helm = await ensurePart('helm', silent);
    const { host, user, password } = made.registry;
    const home = join(made.folder, 'helm');
    const env = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    await sh(helm, ['registry', 'login', host, '--plain-http', '-u', user, '-p', password], undefined, env);
    const chart = `oci://${host}/team/charts/landbridge`;
    await sh(helm, ['pull', chart, '--version', VERSION, '--plain-http', '-d', home], undefined, env);
    const archive = await readFile(join(home, `landbridge-${VERSION}.tgz`));
    expect(archive.equals(await readFile(at(`landbridge-${VERSION}.tgz`)))).to.equal(true);
    const args = [
      'template',
      'landbridge',
      chart,
      '--version',
      VERSION,
      '--plain-http',
      '-n',
      'landbridge',
      '--kube-version',
      '1.34.0',
    ];
    const objects = loadAll(await sh(helm, args, undefined, env)).filter(Boolean);
    expect(JSON.stringify(objects)).to.contain(`landbridge/landbridge:${VERSION}`);
  });

  it('has the CLI as one file that runs without Node installed', async () => {
    const env = { PATH: '/usr/bin:/bin', HOME: join(made.folder, 'home') };
    await mkdir(env.HOME);
    const file = at(`landbridge-${VERSION}-linux-x64`);
    const bare = (...words: string[]) =>
      attempt('env', ['-i', ...Object.entries(env).map(([key, value]) => `${key}=${value}`), file, ...words]);
    expect((await bare('--version')).stdout).to.equal(`${VERSION}\n`);
    expect((await bare('completion', 'bash')).stdout).to.equal(await readFile(at('landbridge.bash'), 'utf8'));
    expect((await bare('vm', 'list', '--kubeconfig', '/nonexistent')).code).to.equal(1);
    const joined = await bare('vm', 'join', 'no-invite');
    expect(joined.code).to.equal(1);
    expect(joined.stderr).to.contain('cannot be an agent');
  });

  it('has the CLI for the other systems, with Node as its publisher signed it', async () => {
    const unpack = async (system: string): Promise<string> => {
      const folder = join(made.folder, system);
      await mkdir(folder);
      await sh('sh', [
        '-c',
        'tail -c +4097 "$1" | tar -xzf - -C "$2"',
        'sh',
        at(`landbridge-${VERSION}-${system}`),
        folder,
      ]);
      return folder;
    };
    for (const [system, kind] of [
      ['darwin-x64', 0x01000007],
      ['darwin-arm64', 0x0100000c],
    ] as const) {
      const node = await readFile(join(await unpack(system), 'node'));
      // The head of a Mach-O file: its magic number, and the processor.
      expect([node.readUInt32LE(0), node.readUInt32LE(4)], system).to.deep.equal([0xfeedfacf, kind]);
      expect(node.includes('Developer ID Application: Node.js Foundation'), system).to.equal(true);
      expect(node.equals(await readFile(await ensurePart(`node-${system}`, silent))), system).to.equal(true);
    }
    const arm = await unpack('linux-arm64');
    const root = join(made.folder, 'landbridge-bridge-arm64');
    expect(
      await sh('qemu-aarch64-static', ['-L', root, join(arm, 'node'), join(arm, 'landbridge.mjs'), '--version']),
    ).to.equal(`${VERSION}\n`);
  });

  testPackages(() => made);

  it('has completion scripts that zsh and fish take, and a man page without a fault', async () => {
    await sh('zsh', ['-n', at('landbridge.zsh')]);
    const fish = await sh('fish', [
      '--no-config',
      '-c',
      `source ${at('landbridge.fish')}; complete -C "landbridge vm list -o "`,
    ]);
    expect(fish)
      .to.match(/^json\t/m)
      .and.not.to.contain('package.json');
    expect(await offeredByZsh(at('landbridge.zsh'), 'landbridge vm upg\t')).to.contain('landbridge vm upgrade-envoy');
    const { stdout, stderr } = await attempt('mandoc', ['-T', 'lint', '-W', 'warning', at('landbridge.1')]);
    expect(stdout + stderr).to.equal('');
  });

  it('has the schemas and the OpenAPI document that are checked in', async () => {
    for (const [file, title] of [
      ['mesh-service', 'MeshService of Landbridge'],
      ['values', 'Values of Landbridge'],
      ['service', 'services.d'],
    ] as const)
      expect((JSON.parse(await readFile(at(`${file}.schema.json`), 'utf8')) as { title: string }).title).to.contain(
        title,
      );
    expect(JSON.parse(await readFile(at('bridge-api.json'), 'utf8'))).to.have.property('openapi', '3.1.0');
    expect(load(await readFile(at('crds.yaml'), 'utf8'))).to.have.property('kind', 'CustomResourceDefinition');
  });

  it('is refused a second time', async () => {
    await sh('git', ['pull', '--quiet'], made.clone);
    await sh('git', ['fetch', '--quiet', '--tags'], made.clone);
    const again = await attempt('npm', ['run', '--silent', 'release', '--', VERSION], { cwd: made.clone });
    expect(again.code).to.equal(1);
    expect(again.stderr).to.contain(`the tag v${VERSION} is there already`);
  });
});

/** The screen of a zsh at a terminal after these keys. */
async function offeredByZsh(script: string, keys: string): Promise<string> {
  const python = `
import os, pty, select, sys, time
script, keys = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM='dumb', ZDOTDIR='/nonexistent')
    os.execvp('zsh', ['zsh', '-f', '-i'])
seen = b''
def wait(word, seconds):
    global seen
    end = time.time() + seconds
    while word not in seen and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536)
os.write(fd, ("autoload -U compinit; compinit -u -D; source '%s'; echo re''ady\\n" % script).encode())
wait(b'ready', 30)
seen = b''
os.write(fd, keys.encode())
wait(b'upgrade-envoy', 30)
print(seen.decode(errors='replace'))
os.close(fd)
`;
  return sh('python3', ['-c', python, script, keys]);
}
