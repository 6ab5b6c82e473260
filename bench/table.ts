import { type Bar, type Finding, verdictOf } from './measure.ts';
import { summarise } from './summary.ts';

const HEAD = ['measure', 'what', 'unit', 'count', 'p50', 'p99', 'max', 'bar', '', 'the strongest peer'];

/** The findings as a Markdown table, which is also readable in a terminal. */
export function tableOf(findings: Finding[]): string {
  const rows = findings.map((finding) => {
    const { count, p50, p99, max } = summarise(finding.samples);
    const numbers = [p50, p99, max].map(shortNumber);
    const { measure, parameters, unit, bar, peer = '' } = finding;
    return [measure, parameters, unit, `${count}`, ...numbers, barWords(bar), verdictOf(finding), peer];
  });
  const widths = HEAD.map((head, column) => Math.max(3, head.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

const barWords = (bar: Bar = {}): string =>
  Object.entries(bar)
    .map(([name, limit]) => `${name} <= ${limit}`)
    .join(', ');

/** Three digits are more than a repetition confirms. */
const shortNumber = (value: number): string =>
  Number.isInteger(value)
    ? `${value}`
    : value >= 100
      ? value.toFixed(0)
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(2);
