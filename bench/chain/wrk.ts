import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTools } from '../../lab/host/debian-packages.ts';
import { output } from '../../lab/host/exec.ts';
import { silent } from '../../lab/progress/progress.ts';

/** One addition and one subtraction: each hop of the chain is made once. */
export const EXPRESSION = '1+2-3';

export interface WrkResult {
  p50Ms: number;
  p99Ms: number;
  perSecond: number;
  /** Answers that were not 2xx, and connections that failed. */
  errors: number;
}

export interface Wrk {
  run(url: string, connections: number, seconds: number): Promise<WrkResult>;
  close(): Promise<void>;
}

const SCRIPT = `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '${JSON.stringify({ expression: EXPRESSION })}'
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"p50Us":%d,"p99Us":%d,"requests":%d,"durationUs":%d,"errors":%d}\\n', latency:percentile(50),
    latency:percentile(99), summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout))
end
`;

export async function prepareWrk(): Promise<Wrk> {
  await installTools([{ command: 'wrk', package: 'wrk' }], silent);
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-wrk-'));
  const script = join(folder, 'click.lua');
  await writeFile(script, SCRIPT);
  return {
    async run(url, connections, seconds) {
      const args = [
        '-t1',
        `-c${connections}`,
        `-d${seconds}s`,
        '--timeout',
        '5s',
        '-s',
        script,
        `${url}/api/v1/compute`,
      ];
      const said = await output('wrk', args, { timeoutMs: (seconds + 30) * 1000 });
      const result = JSON.parse(/RESULT (\{.*\})/.exec(said)![1]!) as Record<string, number>;
      const { p50Us = 0, p99Us = 0, requests = 0, durationUs = 1, errors = 0 } = result;
      return { p50Ms: p50Us / 1000, p99Ms: p99Us / 1000, perSecond: (1e6 * requests) / durationUs, errors };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
