import { parseArgs } from 'node:util';
import { FULL, QUICK, type Scale } from './scale.ts';

export interface Options {
  scale: Scale;
  quick: boolean;
  /** Measures to make, in the order of the table. */
  only: string[];
  /** Where the findings are written as JSON. Default dist/bench.json. */
  json: string;
  /** Where the growth with the number of pods is drawn, as SVG. Default dist/bench.svg. */
  plot: string;
  /** A short figure counts as a failure. */
  strict: boolean;
  /** The built program that is measured. Default: it is built from this tree. */
  program?: string | undefined;
}

export const USAGE = `npm run bench -- [--quick] [--only NAME,...] [--sizes 10,100,...] [--mesh-services 1000] [--json FILE] [--plot FILE.svg] [--program FILE.mjs] [--strict]

  --quick    small numbers, about a minute
  --strict   what is short fails
  --program  measures a program that was built before, of another commit for instance
  --only     these measures: `;

/** Throws one sentence about what cannot be understood. */
export function readOptions(args: string[], measures: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      sizes: { type: 'string' },
      'mesh-services': { type: 'string' },
      json: { type: 'string', default: 'dist/bench.json' },
      plot: { type: 'string', default: 'dist/bench.svg' },
      strict: { type: 'boolean', default: false },
      program: { type: 'string' },
    },
  });
  const base = values.quick ? QUICK : FULL;
  const only = values.only?.split(',') ?? measures;
  const unknown = only.find((name) => !measures.includes(name));
  if (unknown !== undefined) throw new Error(`unknown measure "${unknown}"; choose among ${measures.join(', ')}`);
  const many = values['mesh-services'];
  return {
    scale: {
      ...base,
      sizes: values.sizes === undefined ? base.sizes : readSizes(values.sizes),
      meshServices: many === undefined ? base.meshServices : readCount(many),
    },
    quick: values.quick,
    only: measures.filter((name) => only.includes(name)),
    json: values.json,
    plot: values.plot,
    strict: values.strict,
    program: values.program,
  };
}

function readSizes(text: string): number[] {
  const sizes = text.split(',').map(Number);
  if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new Error(`--sizes ${text}: want numbers of pods, such as 10,100`);
  }
  return sizes;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 4) throw new Error(`--mesh-services ${text}: want a number of at least 4`);
  return count;
}
