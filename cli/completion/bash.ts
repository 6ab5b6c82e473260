import type { Flag, Node, Value } from './grammar.ts';

/** The script for bash, 4.0 or later. It names everything that can be completed, so no process is started for a completion. */
export function bashScript(nodes: readonly Node[]): string {
  const valued = nodes.flatMap(({ path, flags }) =>
    flags
      .filter(({ value }) => value !== 'none')
      .flatMap(({ names }) => names.map((name) => quoted(`${path} ${name}`))),
  );
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# bash completion of landbridge: landbridge completion bash > /etc/bash_completion.d/landbridge
_landbridge() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} path= word i
  # bash makes three words of --output=json.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$path $word" in
    ${valued.join(' | ')})
      # Behind it stands its value, which can have the name of a command.
      [[ \${COMP_WORDS[i + 1]} == = ]] && ((i++))
      ((i++))
      continue
      ;;
    esac
    case "\${path:+$path }$word" in
    ${paths.join(' | ')}) path="\${path:+$path }$word" ;;
    esac
  done
  COMPREPLY=()
  case "$path $previous" in
${nodes.flatMap(({ path, flags }) => flags.flatMap((flag) => valueCase(path, flag))).join('\n')}
  esac
  case "$path" in
${nodes.map(nodeCase).join('\n')}
  esac
}
_landbridge_files() {
  # Outside of a completion, as in a test, there is nothing to set.
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}
complete -F _landbridge landbridge
`;
}

function valueCase(path: string, { names, value }: Flag): string[] {
  if (value === 'none') return [];
  const labels = names.map((name) => quoted(`${path} ${name}`)).join(' | ');
  return [`  ${labels})\n${complete(value)}\n    return\n    ;;`];
}

function nodeCase({ path, words, flags, argument }: Node): string {
  const names = flags.flatMap((flag) => flag.names.filter((name) => name.startsWith('--')));
  const others = words.length > 0 ? words.map(({ name }) => name) : argument;
  return `  ${quoted(path)})
    if [[ $current == -* ]]; then
  ${complete(names)}
    else
  ${complete(others)}
    fi
    ;;`;
}

function complete(value: Value): string {
  if (value === 'file') return '    _landbridge_files "$current"';
  // A name that only the user knows.
  if (value === 'text' || value === 'none') return '    :';
  return `    COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$current"))`;
}

/** Names of commands and options are of letters and hyphens. */
const quoted = (text: string): string => `'${text}'`;
