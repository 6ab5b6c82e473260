import type { Flag, Node, Value } from './grammar.ts';

/** The script for fish. */
export function fishScript(nodes: readonly Node[]): string {
  const valued = nodes.flatMap(({ path, flags }) =>
    flags.filter(({ value }) => value !== 'none').flatMap(({ names }) => names.map((name) => `'${path} ${name}'`)),
  );
  return `# fish completion of landbridge: landbridge completion fish > ~/.config/fish/completions/landbridge.fish
function __landbridge_path
    set -l path ''
    set -l skip 0
    for word in (commandline --tokenize --current-process --cut-at-cursor)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        # Behind it stands its value, which can have the name of a command.
        if contains -- "$path $word" ${valued.join(' ')}
            set skip 1
            continue
        end
        set -l longer (string trim "$path $word")
        contains -- $longer ${nodes
          .filter(({ path }) => path !== '')
          .map(({ path }) => `'${path}'`)
          .join(' ')}
        and set path $longer
    end
    echo $path
end
function __landbridge_at
    test (__landbridge_path) = "$argv"
end
complete -c landbridge -f
${nodes.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, words, flags, argument }: Node): string[] {
  const start = `complete -c landbridge -n "__landbridge_at '${path}'"`;
  return [
    ...words.map(({ name, description }) => `${start} -a ${name} -d ${quoted(description)}`),
    ...flags.map((flag) => `${start} ${optionOf(flag)} -d ${quoted(flag.description)}`),
    ...(argument === 'none' || argument === 'text' ? [] : [`${start} ${values(argument)}`]),
  ];
}

function optionOf({ names, value }: Flag): string {
  const spelled = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...spelled, ...(value === 'none' ? [] : [value === 'file' ? '-r' : '-x', values(value)])].join(' ').trim();
}

function values(value: Value): string {
  if (value === 'file') return '-F';
  return value === 'text' || value === 'none' ? '' : `-a '${value.join(' ')}'`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
