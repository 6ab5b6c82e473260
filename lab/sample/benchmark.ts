import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installTools } from '../host/debian-packages.ts';
import { run } from '../host/exec.ts';
import { stateDirectory } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';
import { EXPRESSION, type Edge } from './chain.ts';

/** `npm run benchmark [-- SECONDS]`: wrk on the whole chain, five threads, five connections. */
export async function benchmark(edge: Edge, seconds: number, progress: Progress): Promise<void> {
  await installTools([{ command: 'wrk', package: 'wrk' }], progress);
  const script = join(stateDirectory, 'click.lua');
  writeFileSync(
    script,
    `wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = '${JSON.stringify({ expression: EXPRESSION })}'\n`,
  );
  const url = `http://${edge.host}:${edge.port}/api/v1/compute`;
  const { stdout } = await run('wrk', ['-t5', '-c5', '--latency', `-d${seconds}s`, '-s', script, url], {
    timeoutMs: (seconds + 30) * 1000,
  });
  progress.say(stdout.trim());
}
