import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attempt } from '../../lab/host/exec.ts';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { silent } from '../../lab/progress/progress.ts';

export interface SchemathesisRun {
  /** `https://HOST:PORT/...` of the OpenAPI document. */
  document: string;
  caPem: string;
  /** Client certificate; undefined: none. */
  as: { certificate: string; key: string } | undefined;
  seed: number;
  /** How much: requests for each operation and phase, the same for the same seed; or for how long. */
  budget: { examples: number } | { seconds: number };
  /** What a server of these values has answers for, by where it is: `body.service`, `path.name`. It is taken half of the time. */
  known: Record<string, string[]>;
}

/** Checks that hold for whoever asks. Who may ask at all is seen at the server, because schemathesis cannot take a client certificate away. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'unsupported_method',
  'allow_header_conformance',
  'missing_required_header',
  'use_after_free',
  'ignored_auth',
];
const LONGEST_MS = 600_000;

/** Runs all phases: examples, coverage, fuzzing, and sequences of calls along the links. Gives what it found; undefined: nothing. */
export async function schemathesis(run: SchemathesisRun): Promise<string | undefined> {
  const { document, caPem, as, seed, budget, known } = run;
  const library = await ensurePart('schemathesis', silent);
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-schemathesis-'));
  try {
    await writeFile(join(folder, 'ca.pem'), caPem);
    if (as !== undefined) await writeFile(join(folder, 'client.pem'), `${as.certificate}\n${as.key}`);
    await writeFile(join(folder, 'schemathesis.toml'), config(known));
    const env = { PYTHONPATH: library, PYTHONDONTWRITEBYTECODE: '1', COLUMNS: '160' };
    const timeoutMs = LONGEST_MS + ('seconds' in budget ? budget.seconds * 1000 : 0);
    const args = [
      ...['-m', 'schemathesis.cli', '--config-file', 'schemathesis.toml', 'run', document],
      ...['--tls-verify', join(folder, 'ca.pem')],
      ...(as === undefined ? [] : ['--request-cert', join(folder, 'client.pem')]),
      ...['--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing,stateful', '--mode', 'all'],
      ...('seconds' in budget ? ['--max-time', `${budget.seconds}`] : ['--max-examples', `${budget.examples}`]),
      ...['--seed', `${seed}`, '--continue-on-failure', '--generation-database', 'none'],
      ...['--suppress-health-check', 'all', '--request-timeout', '20', '--no-color', '--warnings', 'off'],
    ];
    const { code, stdout, stderr } = await attempt('python3', args, { cwd: folder, env, timeoutMs });
    return code === 0 ? undefined : `schemathesis ended with ${code}, seed ${seed}:\n${stdout}\n${stderr}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function config(known: SchemathesisRun['known']): string {
  const nameOf = (where: string): string => where.replace(/[^a-z]+/gi, '-').replace(/-$/, '');
  return [
    ...Object.entries(known).map(
      ([where, values]) => `[dictionaries.${nameOf(where)}]\nvalues = ${JSON.stringify(values)}\n`,
    ),
    '[parameters]',
    ...Object.keys(known).map(
      (where) => `${JSON.stringify(where)} = { dictionary = "${nameOf(where)}", probability = 0.5 }`,
    ),
  ].join('\n');
}
