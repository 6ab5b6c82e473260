import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { packTar } from '../../lab/images/pack-tar.ts';
import { digestOfFile } from './checksums.ts';

/** The script at the head of the file has this size, so that it can say where the packed files begin. */
const HEAD_BYTES = 4096;

export interface SingleFile {
  version: string;
  system: string;
  node: string;
  nodeLicence: string;
  bundle: string;
}

/**
 * Writes the CLI as one file: a script for any POSIX shell, and behind it Node and the program, packed. The first start
 * unpacks them into the cache of its user. docs/adr/0090 says why this is not a single executable of Node.
 */
export async function writeSingleFile(file: string, { version, system, ...parts }: SingleFile): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'landbridge-single-'));
  try {
    const folder = join(scratch, 'packed');
    await mkdir(folder);
    for (const [name, from] of [
      ['node', parts.node],
      ['LICENSE.node', parts.nodeLicence],
      ['landbridge.mjs', parts.bundle],
    ] as const) {
      await copyFile(from, join(folder, name));
      await chmod(join(folder, name), name === 'node' ? 0o755 : 0o644);
    }
    const tar = join(scratch, 'packed.tar');
    await packTar(folder, tar, ['LICENSE.node', 'landbridge.mjs', 'node']);
    const name = `${version}-${(await digestOfFile(tar)).slice(0, 16)}`;
    const out = createWriteStream(file, { mode: 0o755 });
    out.write(headOf(name, system));
    await pipeline(createReadStream(tar), createGzip(), out);
    await chmod(file, 0o755);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** `name` tells one content from another, so a file with other content unpacks to another folder. */
export function headOf(name: string, system: string): string {
  const [os, arch] = system.split('-') as [string, string];
  const uname = { linux: 'Linux', darwin: 'Darwin' }[os];
  const machine = arch === 'x64' ? 'x86_64' : os === 'darwin' ? 'arm64' : 'aarch64';
  const text = `#!/bin/sh
# landbridge ${name} for ${system}: a script, and behind it Node and the program as a tar.gz.
# The first start unpacks them below the cache of its user (XDG_CACHE_HOME, default ~/.cache).
set -eu
fail() {
  printf 'error: %s\\n' "$*" >&2
  exit 1
}
cache="\${XDG_CACHE_HOME:-\${HOME:+$HOME/.cache}}"
[ -n "$cache" ] || fail 'neither HOME nor XDG_CACHE_HOME is set: set one, landbridge unpacks itself there'
home="$cache/landbridge-cli/${name}"
if [ ! -f "$home/landbridge.mjs" ]; then
  [ "$(uname -s) $(uname -m)" = '${uname} ${machine}' ] ||
    fail "this file is for ${uname} on ${machine}, and this is $(uname -s) on $(uname -m): take the file for it"
  (umask 077 && mkdir -p "$cache/landbridge-cli") || fail "$cache cannot be written: set XDG_CACHE_HOME to another folder"
  draft=$(mktemp -d "$cache/landbridge-cli/draft.XXXXXX")
  trap 'rm -rf "$draft"' EXIT
  trap 'exit 1' HUP INT TERM
  # The status of a pipe is that of its last command, and gzip knows the checksum.
  { tail -c +${HEAD_BYTES + 1} "$0" | gzip -dc >"$draft/tar" && tar -xof "$draft/tar" -C "$draft" && rm "$draft/tar"; } 2>/dev/null ||
    fail "$0 is damaged, or $cache is full: fetch it again, or set XDG_CACHE_HOME to another folder"
  "$draft/node" --version >/dev/null ||
    fail "Node does not run here: it needs a file system that is not mounted noexec, and on Linux glibc 2.28 or later"
  # Whole or not at all. Where another start was quicker, this goes into its folder, and out again.
  mv "$draft" "$home"
  rm -rf "$home/\${draft##*/}"
  trap - EXIT
fi
export LANDBRIDGE_SINGLE_FILE="$0"
unset NODE_OPTIONS NODE_PATH
exec "$home/node" "$home/landbridge.mjs" "$@"
`;
  const room = HEAD_BYTES - Buffer.byteLength(text) - 1;
  if (room < 0) throw new Error(`the script of the single file has ${-room} bytes too many`);
  return `${text}${'#'.repeat(room)}\n`;
}
