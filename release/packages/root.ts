import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AGENT_UNIT, AGENT_USER, agentUnit } from '../../cli/vm/agent-unit.ts';

export const PACKAGE = 'landbridge-agent';
export const SUMMARY = 'Landbridge agent: joins the services of this machine to a service mesh';
export const DESCRIPTION =
  'It puts an Envoy beside each service of the machine, holds its place in the mesh and checks its health. The command landbridge joins the machine.';
export const MAINTAINER = 'Landbridge <landbridge@localhost>';

const LIB = '/usr/lib/landbridge';
const ENVOY = `${LIB}/envoy`;

export interface PackageWanted {
  version: string;
  /** Seconds since 1970 of the commit: the time of all files in the packages. */
  epoch: number;
  node: string;
  nodeLicence: string;
  envoy: string;
  bundle: string;
  bill: string;
  /** Texts by their name: `bash`, `zsh`, `fish`. */
  completions: Record<string, string>;
  manPage: string;
  licence: string;
  /** Paths of JSON schemas. */
  schemas: string[];
}

/** Where Debian and Fedora differ. */
export interface Family {
  zshFolder: string;
  docs: string;
}

/** Lays out the files of the agent's package, gives the folder to `use`, and removes it. */
export async function withPackageRoot<T>(
  wanted: PackageWanted,
  family: Family,
  use: (root: string, scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'landbridge-package-'));
  try {
    const root = join(scratch, 'root');
    await fill(root, wanted, family);
    return await use(root, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function fill(root: string, wanted: PackageWanted, { zshFolder, docs }: Family): Promise<void> {
  const at = async (path: string): Promise<string> => {
    await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    return join(root, path);
  };
  const copy = async (from: string, path: string, mode = 0o644): Promise<void> => {
    await copyFile(from, await at(path));
    await chmod(join(root, path), mode);
  };
  const write = async (path: string, text: string | Buffer, mode = 0o644): Promise<void> => {
    await writeFile(await at(path), text);
    await chmod(join(root, path), mode);
  };
  await copy(wanted.node, `${LIB}/node`, 0o755);
  await copy(wanted.envoy, ENVOY, 0o755);
  await copy(wanted.bundle, `${LIB}/landbridge.mjs`, 0o755);
  await write('/usr/bin/landbridge', LAUNCHER, 0o755);
  const command = [`${LIB}/node`, `${LIB}/landbridge.mjs`];
  // `vm join` writes the same unit into /etc, with the settings of the one who joins.
  await write(`/usr/lib/systemd/system/${AGENT_UNIT}`, agentUnit(command, { LANDBRIDGE_ENVOY: ENVOY }));
  await write('/usr/lib/sysusers.d/landbridge.conf', `u ${AGENT_USER} - "Landbridge agent" /var/lib/landbridge\n`);
  await write('/usr/share/bash-completion/completions/landbridge', wanted.completions.bash!);
  await write(`${zshFolder}/_landbridge`, wanted.completions.zsh!);
  await write('/usr/share/fish/vendor_completions.d/landbridge.fish', wanted.completions.fish!);
  await write('/usr/share/man/man1/landbridge.1.gz', gzipSync(wanted.manPage));
  for (const schema of wanted.schemas) await copy(schema, `/usr/share/landbridge/schemas/${schema.split('/').at(-1)}`);
  await copy(wanted.licence, `${docs}/copyright`);
  await copy(wanted.nodeLicence, `${docs}/LICENSE.node`);
  await write(`${docs}/landbridge.cdx.json`, await readFile(wanted.bill));
}

const LAUNCHER = `#!/bin/sh
unset NODE_OPTIONS NODE_PATH
export LANDBRIDGE_ENVOY="\${LANDBRIDGE_ENVOY:-${ENVOY}}"
exec ${LIB}/node ${LIB}/landbridge.mjs "$@"
`;

/** Both families run these with /bin/sh. A machine that is not booted with systemd, such as a container, has no systemctl that answers. */
export const SCRIPTS = {
  /** The agent is not started: a machine joins first. One that runs is started again, which drains its instances. */
  installed: `if command -v systemd-sysusers >/dev/null; then systemd-sysusers /usr/lib/sysusers.d/landbridge.conf; fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart ${AGENT_UNIT}
fi
`,
  beforeRemoval: `if [ -d /run/systemd/system ]; then systemctl disable --now ${AGENT_UNIT} || :; fi
`,
  removed: `if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
`,
};
