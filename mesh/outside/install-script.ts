/** A file that the script fetches from the bridge. */
export interface PinnedFile {
  name: string;
  /** Hexadecimal. */
  sha256: string;
}

/** Path of the script at a bridge; the files are beside it. */
export const INSTALL_SCRIPT = 'install.sh';
export const vmFilePath = (name: string): string => `/v1/vm/${name}`;

/**
 * The script that brings Landbridge to a machine, as root. It needs a POSIX shell, curl, and the coreutils and sed of GNU,
 * busybox or another project. The line that starts it has checked its SHA-256, so its text can be trusted: it holds the
 * bridge's authority, for TLS, and the SHA-256 of each file. Files that are there already, and right, are not fetched
 * again. The arguments are those of `landbridge vm join`. All users of a machine can read the arguments of a process, so
 * no process that lasts has the invite there. LANDBRIDGE_PREFIX, default /usr/local, is the folder to install in; where
 * /usr/local cannot be written, /opt/landbridge is. The agent runs as another user, so the modes do not depend on the umask.
 */
export const installScript = (options: { bridges: string[]; bridgeCaPem: string; files: PinnedFile[] }): string => {
  const { bridges, bridgeCaPem, files } = options;
  return `#!/bin/sh
# Installs the Landbridge agent and joins this machine: install.sh INVITE [--port PORT]... [--check CHECK]
# INVITE can be -, then it is read from the standard input.
set -eu
umask 022
PATH="\${PATH:-/usr/local/bin}:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
# They are meant for other programs on Node, and would end this one where the file that they name is not there.
unset NODE_OPTIONS NODE_PATH
bridges='${bridges.join(' ')}'
sums='${files.map(({ name, sha256 }) => `${sha256}  ${name}`).join('\n')}'
started=$(date +%s)
lib=

fail() {
  printf 'error: %s\\n' "$*" >&2
  exit 1
}
work="\${0%/*}"
if [ "$0" = "$work/i" ] && [ -f "$work/w" ]; then
  : # The line has put both there.
else
  [ $# -gt 0 ] || fail 'give the invite, or - and the invite on the standard input'
  work=$(mktemp -d)
  if [ "$1" = - ]; then cat; else printf '%s\\n' "$1"; fi >"$work/w"
  shift
fi
trap 'rm -rf "$work"; [ -z "$lib" ] || rm -f "$lib"/*.new' EXIT
trap 'exit 1' HUP INT TERM

[ "$(id -u)" = 0 ] || fail 'this installs a program and a systemd unit: run it as root'
for tool in curl sha256sum sed cut mktemp; do
  command -v "$tool" >/dev/null || fail "$tool is not on this machine: install it first"
done
case "$(uname -s) $(uname -m)" in
'Linux x86_64') arch=x64 ;;
'Linux aarch64') arch=arm64 ;;
*) fail "$(uname -s) on $(uname -m) is not served: Linux on x86_64 or aarch64 is wanted" ;;
esac

can_write() {
  # In a shell of its own: one that may not write ends.
  (mkdir -p "$1/lib/landbridge" "$1/bin" && : >"$1/lib/landbridge/try.new" && : >"$1/bin/landbridge.new") 2>/dev/null
}
prefix="\${LANDBRIDGE_PREFIX:-/usr/local}"
case "$prefix" in
*[!A-Za-z0-9/._-]* | [!/]*) fail "LANDBRIDGE_PREFIX is $prefix: give an absolute path of letters, digits and . _ - only" ;;
esac
if ! can_write "$prefix"; then
  [ -z "\${LANDBRIDGE_PREFIX:-}" ] || fail "nothing can be written in $prefix: set LANDBRIDGE_PREFIX to another folder"
  prefix=/opt/landbridge
  can_write "$prefix" || fail 'nothing can be written in /usr/local and /opt/landbridge: set LANDBRIDGE_PREFIX to another folder'
  printf '%s\\n' "/usr/local cannot be written: landbridge goes to $prefix"
fi
lib="$prefix/lib/landbridge"
rm -f "$prefix/bin/landbridge.new"
# Also of an earlier install: the agent's user has to get through.
chmod a+rx "$prefix" "$prefix/lib" "$lib" "$prefix/bin"

cat >"$work/ca.crt" <<'PEM'
${bridgeCaPem.trim()}
PEM

get_file() {
  sum=$(printf '%s\\n' "$sums" | sed -n "s/  $1\\$//p")
  [ -n "$sum" ] || fail "the bridge serves no $1: put that file into its folder of VM files (docs/vms.md)"
  if [ "$(sha256sum "$2" 2>/dev/null | cut -c1-64)" = "$sum" ]; then
    chmod 0755 "$2"
    return 0
  fi
  for bridge in $bridges; do
    # The agent goes to the bridge without a proxy, so this does; and nobody's .curlrc has a word in it (-q).
    curl -q -fsS --noproxy '*' --cacert "$work/ca.crt" --connect-timeout 5 --retry 5 -o "$2.new" "https://$bridge/v1/vm/$1" || continue
    [ "$(sha256sum "$2.new" | cut -c1-64)" = "$sum" ] || fail "$1 from $bridge is not the file that was promised: make a new invite"
    put "$2"
    return 0
  done
  fail "$1 could not be fetched from $bridges (curl says why above): this machine must reach one of these addresses without a proxy, and have 300 MB free in $lib"
}
put() {
  chmod 0755 "$1.new"
  # Under SELinux a service manager starts programs with this label only.
  if command -v selinuxenabled >/dev/null && selinuxenabled; then
    chcon -t bin_t "$1.new" || printf '%s\\n' "warning: $1 keeps its SELinux label: if the agent does not start, label it bin_t (semanage fcontext, restorecon)" >&2
  fi
  mv -f "$1.new" "$1"
}
runs() {
  said=$("$lib/$1" --version 2>&1) || fail "$lib/$1 does not run here ($(printf '%s\\n' "$said" | sed -n '1p')): $2, and a file system that is not mounted noexec"
}
get_file "node-linux-$arch" "$lib/node"
get_file "envoy-linux-$arch" "$lib/envoy"
get_file landbridge.mjs "$lib/landbridge.mjs"
runs node 'it needs glibc 2.28 or later (musl will not do), libstdc++ 6'
runs envoy 'it needs glibc 2.31 or later (musl will not do)'
cat >"$prefix/bin/landbridge.new" <<LAUNCHER
#!/bin/sh
unset NODE_OPTIONS NODE_PATH
export LANDBRIDGE_ENVOY="\\\${LANDBRIDGE_ENVOY:-$lib/envoy}"
exec "$lib/node" "$lib/landbridge.mjs" "\\$@"
LAUNCHER
put "$prefix/bin/landbridge"

LANDBRIDGE_JOINED="$work/joined" "$prefix/bin/landbridge" vm join - "$@" <"$work/w"
[ -f "$work/joined" ] || fail 'the program is installed, and ended without joining: look at the flags of the line, or make a new invite'
printf 'installed and joined in %s s\\n' "$(($(date +%s) - started))"
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) printf '%s\\n' "$prefix/bin is not in PATH: type $prefix/bin/landbridge" ;;
esac
`;
};

export interface InstallCommand {
  /** `host:port`, tried in turn. */
  bridges: string[];
  /** SHA-256 of the script, hexadecimal. */
  sha256: string;
  /**
   * Flags of `landbridge vm join`, and before them the invite, or `-`: then it is read from the standard input, so that
   * no other user of the machine finds it among the arguments of a process.
   */
  words: string[];
  /** Whether the script takes the invite from the file beside it. Default true; a bridge of an earlier version: false. */
  inviteInFile?: boolean;
}

/**
 * The command that fetches the script and runs it only when it is the one of this SHA-256: the bridge's certificate is
 * not looked at for that (`-k`), because the checksum says more.
 */
export const installCommand = ({ bridges, sha256, words, inviteInFile = true }: InstallCommand): string[] => [
  'sh',
  '-ec',
  [
    'd=$(mktemp -d)',
    'trap "rm -rf \\"$d\\"" EXIT',
    'trap "exit 1" HUP INT TERM',
    'command -v curl >/dev/null || { echo "error: curl is not on this machine: install it first" >&2; exit 1; }',
    // Curl ends with 22 when a bridge answered and refused.
    'r=1',
    `for b in ${bridges.join(' ')}; do if curl -q -fsSk --noproxy "*" --connect-timeout 5 -o "$d/i" https://$b${vmFilePath(INSTALL_SCRIPT)}; then r=0; break; elif [ $? = 22 ]; then r=0; fi; done`,
    `[ $r = 0 ] || { echo "error: this machine does not reach the bridge at ${bridges.join(' or ')} (curl says why above): let it out to that TCP port there, without a proxy" >&2; exit 1; }`,
    `echo "${sha256}  $d/i" | sha256sum -c - >/dev/null 2>&1 || { echo "error: no bridge served the script that this line names: make a new invite" >&2; exit 1; }`,
    'if [ "$1" = - ]; then cat; else printf "%s\\n" "$1"; fi >"$d/w"',
    'shift',
    // In the place of this shell, whose arguments may hold the invite. The script removes the folder.
    inviteInFile ? 'exec sh "$d/i" "$@"' : 'sh "$d/i" "$(cat "$d/w")" "$@"',
  ].join('; '),
  'landbridge',
  ...words,
];

/** A command as a line for a POSIX shell. */
export const shellLine = (command: string[]): string => command.map(shellWord).join(' ');

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
