import { Command } from 'commander';
import { CHECKS, type Finding } from '../checks.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster.ts';

const MARKS: Record<Finding['result'], string> = { ok: '√', warning: '‼', failed: '×' };

/** `landbridge check`: the doctor. Exit code 0: all is well (warnings allowed), 1: something failed. */
export function checkCommand(): Command {
  return withClusterFlags(new Command('check'))
    .description('look at an installation and say what is wrong and what to do')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (flags: ClusterFlags & { output: string }) => {
      const findings: Finding[] = [];
      for (const check of CHECKS) {
        const finding = await check
          .run(flags)
          .catch((error: Error): Omit<Finding, 'check'> => ({ result: 'failed', detail: error.message }));
        findings.push({ check: check.name, ...finding, ...(finding.result === 'ok' ? {} : { hint: check.hint }) });
        if (flags.output === 'text') process.stdout.write(line(findings.at(-1)!));
        // What is asked of a cluster that does not answer can only fail again.
        if (check.stopsOthers && finding.result === 'failed') break;
      }
      if (flags.output === 'json') process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
      process.exitCode = findings.some(({ result }) => result === 'failed') ? 1 : 0;
    });
}

const line = ({ check, result, detail, hint }: Finding): string =>
  `${MARKS[result]} ${check}${detail === '' ? '' : `: ${detail}`}\n${hint === undefined ? '' : `    see docs/troubleshooting.md#${hint}\n`}`;
