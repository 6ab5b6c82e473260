import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lab/host/exec.ts';
import { DESCRIPTION, PACKAGE, type PackageWanted, SCRIPTS, SUMMARY, withPackageRoot } from './root.ts';

const FAMILY = { zshFolder: '/usr/share/zsh/site-functions', docs: `/usr/share/doc/${PACKAGE}` };

/** Writes the agent's package for Fedora, RHEL and SUSE into the folder, and gives its path. */
export function writeRpm(folder: string, architecture: string, wanted: PackageWanted): Promise<string> {
  return withPackageRoot(wanted, FAMILY, async (root, scratch) => {
    const spec = join(scratch, 'agent.spec');
    await writeFile(spec, specOf(wanted, await filesOf(root)));
    const macros = {
      _topdir: join(scratch, 'rpm'),
      _rpmdir: join(scratch, 'made'),
      _buildhost: 'localhost',
      use_source_date_epoch_as_buildtime: '1',
      clamp_mtime_to_source_date_epoch: '1',
      _binary_payload: 'w6.gzdio',
    };
    await run(
      'rpmbuild',
      [
        ...['-bb', '--quiet', '--target', `${architecture}-linux`, '--buildroot', join(scratch, 'buildroot')],
        ...Object.entries({ ...macros, landbridge_root: root }).flatMap(([name, value]) => [
          '--define',
          `${name} ${value}`,
        ]),
        spec,
      ],
      { env: { SOURCE_DATE_EPOCH: String(wanted.epoch) } },
    );
    const [made] = await readdir(join(scratch, 'made', architecture));
    if (made === undefined) throw new Error('rpmbuild made no package');
    await copyFile(join(scratch, 'made', architecture, made), join(folder, made));
    return join(folder, made);
  });
}

async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(root.length)).sort();
}

/** Nothing is compiled or stripped: the package holds the files as they are. */
const specOf = ({ version }: PackageWanted, files: readonly string[]): string => `%define debug_package %{nil}
%define __os_install_post %{nil}
%define _build_id_links none
Name: ${PACKAGE}
Version: ${version.replace('-', '~')}
Release: 1
Summary: ${SUMMARY}
License: Apache-2.0 AND MIT
AutoReqProv: no
Requires: glibc >= 2.31, libstdc++, shadow-utils
Recommends: systemd, nftables
%description
${DESCRIPTION}
%install
mkdir -p %{buildroot}
cp -a %{landbridge_root}/. %{buildroot}/
%files
%defattr(-,root,root,-)
${files.join('\n')}
%post
${SCRIPTS.installed}%preun
if [ "$1" = 0 ]; then
${SCRIPTS.beforeRemoval}fi
%postun
${SCRIPTS.removed}`;
