import { Option } from 'commander';

export type Format = 'text' | 'json';

/** `-o` of every command that prints a table; anything but these two is refused. */
export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text');

/** Writes an answer in the format that was asked for: the data, or the text for people. */
export function print(format: Format, data: unknown, text: () => string): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(data, undefined, 2)}\n` : text());
}
