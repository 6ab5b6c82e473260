import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { debianRelease } from '../../lab/host/debian-release.ts';
import { attempt } from '../../lab/host/exec.ts';
import { type Release, VERSION, sh } from './made.ts';

/** A candidate is older than its version. */
const PACKAGED = VERSION.replace('-', '~');
const FILES = [
  '/usr/bin/landbridge',
  '/usr/lib/landbridge/envoy',
  '/usr/lib/landbridge/landbridge.mjs',
  '/usr/lib/landbridge/node',
  '/usr/lib/systemd/system/landbridge-agent.service',
  '/usr/lib/sysusers.d/landbridge.conf',
  '/usr/share/bash-completion/completions/landbridge',
  '/usr/share/fish/vendor_completions.d/landbridge.fish',
  '/usr/share/landbridge/schemas/service.json',
  '/usr/share/man/man1/landbridge.1.gz',
];
const ARMS = { amd64: 'x86-64', arm64: 'ARM aarch64', x86_64: 'x86-64', aarch64: 'ARM aarch64' };

export function testPackages(made: () => Release): void {
  const deb = (architecture: string): string => join(made().out, `landbridge-agent_${PACKAGED}_${architecture}.deb`);
  const rpm = (architecture: string): string => join(made().out, `landbridge-agent-${PACKAGED}-1.${architecture}.rpm`);
  const machineOf = async (file: string): Promise<string> => {
    const head = await readFile(file);
    // The processor in the head of an ELF file.
    return { 62: 'x86-64', 183: 'ARM aarch64' }[head.readUInt16LE(18)] ?? 'another';
  };

  it('has packages for Debian with the files of the agent, for the processor that they name', async () => {
    for (const architecture of ['amd64', 'arm64'] as const) {
      const root = join(made().folder, `deb-${architecture}`);
      await sh('dpkg-deb', ['--extract', deb(architecture), root]);
      for (const file of FILES) await readFile(join(root, file));
      for (const program of ['node', 'envoy'])
        expect(await machineOf(join(root, 'usr/lib/landbridge', program))).to.equal(ARMS[architecture]);
      const fields = await sh('dpkg-deb', ['--field', deb(architecture), 'Package', 'Version', 'Architecture']);
      expect(fields).to.equal(`Package: landbridge-agent\nVersion: ${PACKAGED}\nArchitecture: ${architecture}\n`);
      const lines = (await sh('dpkg-deb', ['--contents', deb(architecture)])).trim().split('\n');
      expect(lines.filter((line) => !line.includes(' root/root '))).to.deep.equal([]);
    }
  });

  it('has a package that a Debian installs with all that it needs, and removes without a trace', async () => {
    const { codename, sources } = debianRelease();
    const root = join(made().folder, 'debian');
    const options = ['--variant=minbase', `--include=${deb('amd64')}`, '--include=systemd'];
    await sh('mmdebstrap', [
      ...options,
      `--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount`,
      codename,
      root,
      ...sources,
    ]);
    const inside = (...words: string[]): Promise<string> => sh('chroot', [root, ...words]);
    expect(await inside('landbridge', '--version')).to.equal(`${VERSION}\n`);
    expect(await inside('id', '--name', '--user', 'landbridge')).to.equal('landbridge\n');
    expect(await inside('/usr/lib/landbridge/envoy', '--version')).to.contain('/1.');
    // systemd finds no fault in the unit, with all that it names in place.
    const verified = await attempt('chroot', [
      root,
      'systemd-analyze',
      'verify',
      '--man=no',
      'landbridge-agent.service',
    ]);
    expect(verified.stderr.split('\n').filter((line) => line.includes('landbridge'))).to.deep.equal([]);
    const enabled = await attempt('chroot', [root, 'systemctl', 'is-enabled', 'landbridge-agent.service']);
    expect(enabled.stdout.trim()).to.equal('disabled');
    await inside('dpkg', '--purge', 'landbridge-agent');
    expect(await readdir(join(root, 'usr/lib'))).not.to.include('landbridge');
  });

  it('has packages for Fedora and its kin that rpm installs, with the same files', async () => {
    for (const architecture of ['x86_64', 'aarch64'] as const) {
      const file = rpm(architecture);
      expect((await sh('rpm', ['-qpl', file])).trim().split('\n')).to.include.members(FILES);
      const asked = '%{NAME} %{VERSION} %{ARCH} %{LICENSE}';
      const said = await sh('rpm', ['-qp', '--queryformat', asked, file]);
      expect(said).to.equal(`landbridge-agent ${PACKAGED} ${architecture} Apache-2.0 AND MIT`);
      const root = join(made().folder, `rpm-${architecture}`);
      await mkdir(root);
      const flags = ['--install', '--nodeps', '--noscripts', '--ignorearch', '--root', root];
      await sh('rpm', [...flags, file]);
      expect(await machineOf(join(root, 'usr/lib/landbridge/node'))).to.equal(ARMS[architecture]);
    }
    const library = join(made().folder, 'rpm-x86_64/usr/lib/landbridge');
    expect(await sh(join(library, 'node'), [join(library, 'landbridge.mjs'), '--version'])).to.equal(`${VERSION}\n`);
    const scripts = await sh('rpm', ['-qp', '--scripts', rpm('x86_64')]);
    expect(scripts).to.contain('systemd-sysusers').and.to.contain('try-restart');
  });
}
