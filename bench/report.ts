import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { type Finding, verdictOf } from './measure.ts';
import { summarise } from './summary.ts';

/** One line: the time, the measure and the machine. */
export function describeMachine(): string {
  const revision = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const load = loadavg()[0]!.toFixed(1);
  const when = new Date().toISOString().slice(0, 16);
  return `${when}Z, ${revision}, Node ${process.version}, ${cpus().length} cores, ${memory} GiB, load before ${load}`;
}

export interface Failure {
  measure: string;
  error: string;
}

/** The findings with every sample, for programs. `more` goes beside them. */
export const asJson = (machine: string, findings: Finding[], failures: Failure[], more: object = {}): string =>
  `${JSON.stringify(
    {
      machine,
      ...more,
      failures,
      findings: findings.map((finding) => ({
        ...finding,
        summary: summarise(finding.samples),
        verdict: verdictOf(finding),
      })),
    },
    undefined,
    2,
  )}\n`;
