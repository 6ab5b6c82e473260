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
 * What a machine without anything of ours runs, as root: it needs a POSIX shell, curl, coreutils and sed. The line that
 * starts it has checked its SHA-256, so what is written here can be trusted: the bridge's authority, for TLS, and the
 * SHA-256 of each file. Files that are there already, and right, are not fetched again. The arguments are those of
 * `landbridge vm join`. LANDBRIDGE_PREFIX, default /usr/local, is where it goes: /usr may be read-only.
 */
export const installScript = (options: { bridges: string[]; bridgeCaPem: string; files: PinnedFile[] }): string => {
  const { bridges, bridgeCaPem, files } = options;
  return `#!/bin/sh
# Installs the Landbridge agent and joins this machine: install.sh INVITE [--port PORT]... [--check CHECK]
set -eu
prefix="\${LANDBRIDGE_PREFIX:-/usr/local}"
lib="$prefix/lib/landbridge"
bridges='${bridges.join(' ')}'
sums='${files.map(({ name, sha256 }) => `${sha256}  ${name}`).join('\n')}'
started=$(date +%s)

fail() {
  printf 'error: %s\\n' "$*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail 'this installs a program and a systemd unit: run it as root'
for tool in curl sha256sum sed mktemp install; do
  command -v "$tool" >/dev/null || fail "$tool is not on this machine: install it first"
done
case "$(uname -s) $(uname -m)" in
'Linux x86_64') arch=x64 ;;
'Linux aarch64') arch=arm64 ;;
*) fail "$(uname -s) on $(uname -m) is not served: Linux on x86_64 or aarch64 is wanted" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/ca.crt" <<'PEM'
${bridgeCaPem.trim()}
PEM

get_file() {
  sum=$(printf '%s\\n' "$sums" | sed -n "s/  $1\\$//p")
  [ -n "$sum" ] || fail "the bridge serves no $1: put that file into its folder of VM files (docs/vms.md)"
  [ "$(sha256sum "$2" 2>/dev/null | cut -c1-64)" != "$sum" ] || return 0
  for bridge in $bridges; do
    curl -fsS --cacert "$work/ca.crt" --connect-timeout 5 --retry 5 -o "$work/$1" "https://$bridge/v1/vm/$1" || continue
    [ "$(sha256sum "$work/$1" | cut -c1-64)" = "$sum" ] || fail "$1 from $bridge is not the file that was promised: make a new invite"
    install -m 0755 "$work/$1" "$2.new"
    mv -f "$2.new" "$2"
    rm -f "$work/$1"
    return 0
  done
  fail "$1 could not be fetched from $bridges: can this machine reach these addresses?"
}
mkdir -p "$lib" "$prefix/bin"
get_file "node-linux-$arch" "$lib/node"
get_file "envoy-linux-$arch" "$lib/envoy"
get_file landbridge.mjs "$lib/landbridge.mjs"
"$lib/node" --version >/dev/null || fail 'Node does not run here: it needs glibc 2.28 or later and libstdc++ 6'
"$lib/envoy" --version >/dev/null || fail 'Envoy does not run here: it needs glibc 2.31 or later'
cat >"$work/landbridge" <<LAUNCHER
#!/bin/sh
export LANDBRIDGE_ENVOY="\\\${LANDBRIDGE_ENVOY:-$lib/envoy}"
exec "$lib/node" "$lib/landbridge.mjs" "\\$@"
LAUNCHER
install -m 0755 "$work/landbridge" "$prefix/bin/landbridge"

LANDBRIDGE_JOINED="$work/joined" "$prefix/bin/landbridge" vm join "$@"
[ -f "$work/joined" ] || fail 'the program is installed, and ended without joining: look at the flags of the line, or make a new invite'
printf 'installed and joined in %s s\\n' "$(($(date +%s) - started))"
`;
};

export interface InstallCommand {
  /** `host:port`, tried in turn. */
  bridges: string[];
  /** Of the script, hexadecimal. */
  sha256: string;
  /** Invite and flags of `landbridge vm join`. */
  words: string[];
}

/**
 * The command that fetches the script and runs it only when it is the one of this SHA-256: the bridge's certificate is
 * not looked at for that (`-k`), because the checksum says more.
 */
export const installCommand = ({ bridges, sha256, words }: InstallCommand): string[] => [
  'sh',
  '-ec',
  [
    'd=$(mktemp -d)',
    `for b in ${bridges.join(' ')}; do curl -fsSk --connect-timeout 5 -o $d/i https://$b${vmFilePath(INSTALL_SCRIPT)} && break; done`,
    `echo "${sha256}  $d/i" | sha256sum -c - >/dev/null || { echo "error: no bridge served the script that this line names: make a new invite" >&2; exit 1; }`,
    'sh $d/i "$@"',
    'rm -rf $d',
  ].join('; '),
  'landbridge',
  ...words,
];

/** A command as a line for a POSIX shell. */
export const shellLine = (command: string[]): string => command.map(shellWord).join(' ');

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
