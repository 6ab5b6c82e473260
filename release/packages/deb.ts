import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lab/host/exec.ts';
import { DESCRIPTION, MAINTAINER, PACKAGE, type PackageWanted, SCRIPTS, SUMMARY, withPackageRoot } from './root.ts';

const FAMILY = { zshFolder: '/usr/share/zsh/vendor-completions', docs: `/usr/share/doc/${PACKAGE}` };

/** A candidate is older than its version: `0.3.0~rc.1`. */
const versionOf = (version: string): string => version.replace('-', '~');

/** Writes the agent's package for Debian and Ubuntu into the folder, and gives its path. */
export function writeDeb(folder: string, architecture: string, wanted: PackageWanted): Promise<string> {
  return withPackageRoot(wanted, FAMILY, async (root) => {
    await mkdir(join(root, 'DEBIAN'));
    await writeFile(join(root, 'DEBIAN/control'), control(wanted.version, architecture, await kilobytes(root)));
    for (const [name, script] of Object.entries(maintainerScripts))
      await writeFile(join(root, 'DEBIAN', name), `#!/bin/sh\nset -e\n${script}`, { mode: 0o755 });
    const file = join(folder, `${PACKAGE}_${versionOf(wanted.version)}_${architecture}.deb`);
    const env = { SOURCE_DATE_EPOCH: String(wanted.epoch) };
    await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z6', '--build', root, file], { env });
    return file;
  });
}

const maintainerScripts = {
  postinst: `if [ "$1" = configure ]; then\n${SCRIPTS.installed}fi\n`,
  prerm: `if [ "$1" = remove ]; then\n${SCRIPTS.beforeRemoval}fi\n`,
  postrm: SCRIPTS.removed,
};

// The systemd that made the user, or useradd of passwd; libraries as Node and Envoy load them.
const control = (version: string, architecture: string, size: number): string => `Package: ${PACKAGE}
Version: ${versionOf(version)}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${size}
Depends: libc6 (>= 2.31), libstdc++6, passwd
Recommends: systemd, nftables
Section: net
Priority: optional
Description: ${SUMMARY}
 ${DESCRIPTION}
`;

async function kilobytes(root: string): Promise<number> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1024);
}
