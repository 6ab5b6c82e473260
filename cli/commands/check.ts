import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { customResourceDefinitions } from '../../clients/kube/resources.ts';
import { CRD_NAME, afterChecks } from '../check/after.ts';
import { beforeChecks } from '../check/before.ts';
import { type Check, type Finding, exitCodeOf, runChecks } from '../check/check.ts';
import { type ConsulTarget, type Look, openLook } from '../check/look.ts';
import { type ClusterFlags, withClusterFlags } from '../cluster.ts';
import { type Format, outputOption, print } from '../output.ts';
import { synthesized } from '../synthesized.ts';

const MARKS: Record<Finding['result'], string> = { ok: '√', warning: '‼', failed: '×' };

interface CheckFlags extends ClusterFlags {
  pre?: boolean;
  values?: string;
  output: Format;
  consulAddress: string[];
  consulCa?: string;
  consulServerName?: string;
}

/** `landbridge check`: the doctor. Its exit codes are those of exitCodeOf. */
export function checkCommand(): Command {
  return withClusterFlags(new Command('check'))
    .description(
      'look at a cluster before an installation, or at an installation, and say what is wrong and what to do',
    )
    .option('--pre', 'look whether Landbridge can be installed (default: when it is not installed)')
    .option('-f, --values <file>', 'values of the installation that is planned; - reads standard input')
    .option('--consul-address <host:port>', 'HTTPS address of an external Consul server; may be repeated', collect, [])
    .option('--consul-ca <file>', 'PEM of the CA that signed its certificate (default: the roots of this machine)')
    .option('--consul-server-name <name>', 'name to expect in its certificate (default: the host of the address)')
    .addOption(outputOption())
    .addHelpText('after', '\nExit codes: 0 nothing failed, 1 a check failed, 2 it could not be looked at the cluster.')
    .action(async (flags: CheckFlags) => {
      process.exitCode = 2;
      const look = openLook(flags, { manifest: () => synthesized(flags.values), consulTargets: targetsOf(flags) });
      try {
        const findings: Finding[] = [];
        const checks = await checksFor(look, flags);
        for await (const finding of runChecks(checks, look)) {
          findings.push(finding);
          if (flags.output === 'text') process.stdout.write(line(finding));
        }
        // The text was written finding by finding.
        print(flags.output, findings, () => '');
        const first = findings[0];
        process.exitCode = exitCodeOf(findings, !(findings.length === 1 && first?.result === 'failed'));
      } finally {
        look.close();
      }
    });
}

const collect = (value: string, before: string[]): string[] => [...before, value];

async function checksFor(look: Look, { pre, output, consulAddress }: CheckFlags): Promise<readonly Check[]> {
  if (!pre && (await isInstalled(look))) return afterChecks;
  if (!pre && output === 'text') process.stdout.write('Landbridge is not installed here. Can it be?\n');
  return beforeChecks(consulAddress.length > 0);
}

/** When this fails, the checks themselves say why. */
const isInstalled = ({ kube }: Look): Promise<boolean> =>
  kube.get(customResourceDefinitions, CRD_NAME).then(
    (crd) => crd !== undefined,
    () => true,
  );

function targetsOf({ consulAddress, consulCa, consulServerName }: CheckFlags): ConsulTarget[] {
  const caPem = consulCa === undefined ? undefined : readFileSync(consulCa, 'utf8');
  return consulAddress.map((address) => ({
    address,
    ...(caPem === undefined ? {} : { caPem }),
    ...(consulServerName === undefined ? {} : { serverName: consulServerName }),
  }));
}

const line = ({ check, result, detail, hint }: Finding): string =>
  `${MARKS[result]} ${check}${detail === '' ? '' : `: ${detail}`}\n${hint === undefined ? '' : `    see docs/troubleshooting.md#${hint}\n`}`;
