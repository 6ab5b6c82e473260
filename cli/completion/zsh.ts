import type { Flag, Node, Value } from './grammar.ts';

/** The script for zsh: a function for `fpath`, which can be sourced too. */
export function zshScript(nodes: readonly Node[]): string {
  return `#compdef landbridge
# zsh completion of landbridge: landbridge completion zsh > "\${fpath[1]}/_landbridge"
${nodes.map(functionOf).join('\n')}
if [ "$funcstack[1]" = _landbridge ]; then
  _landbridge "$@"
else
  compdef _landbridge landbridge
fi
`;
}

function functionOf({ path, words, flags, argument }: Node): string {
  const specs = flags.flatMap(specOf);
  if (words.length === 0) {
    const rest = argument === 'none' ? [] : [`'*: :${action(argument)}'`];
    return `${nameOf(path)}() {\n  _arguments -s ${[...specs, ...rest].join(' \\\n    ')}\n}`;
  }
  return `${nameOf(path)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
  command)
    local -a commands=(
${words.map(({ name, description }) => `      '${name}:${escaped(description)}'`).join('\n')}
    )
    _describe command commands
    ;;
  rest)
    case $line[1] in
${words.map(({ name }) => `    ${name}) ${nameOf(`${path} ${name}`.trim())} ;;`).join('\n')}
    esac
    ;;
  esac
}`;
}

/** As _arguments takes an option: the names exclude one another. */
function specOf({ names, value, description }: Flag): string[] {
  const behind = value === 'none' ? '' : `: :${action(value)}`;
  return names.map((name) => {
    const mark = value === 'none' ? '' : name.startsWith('--') ? '=' : '+';
    return `'(${names.join(' ')})${name}${mark}[${escaped(description)}]${behind}'`;
  });
}

function action(value: Value): string {
  if (value === 'file') return '_files';
  return value === 'text' || value === 'none' ? '' : `(${value.join(' ')})`;
}

const nameOf = (path: string): string => `_landbridge${path === '' ? '' : `_${path.replaceAll(/[ -]/g, '_')}`}`;
const escaped = (text: string): string => text.replaceAll(/[\\:[\]]/g, '\\$&').replaceAll("'", "'\\''");
