import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Finding, verdictOf } from '../measure.ts';
import { type Failure, asJson } from '../report.ts';
import { tableOf } from '../table.ts';

/** Prints the table, writes the JSON, and gives the exit code: 1 when something is short or could not be measured. */
export async function tell(
  machine: string,
  findings: Finding[],
  failures: Failure[],
  file: string,
  more: object = {},
): Promise<number> {
  console.log(`\n${machine}\n\n${tableOf(findings)}\n`);
  for (const { measure, error } of failures) console.log(`${measure} could not be measured: ${error}`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, asJson(machine, findings, failures, more));
  return failures.length > 0 || findings.some((finding) => verdictOf(finding) === 'short') ? 1 : 0;
}
