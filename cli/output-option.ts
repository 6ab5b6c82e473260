import { Option } from 'commander';

/** `-o` of the commands that print a table or its data; anything but these two is refused. */
export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text');
