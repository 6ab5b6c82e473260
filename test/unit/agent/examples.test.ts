import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

const SCRIPT = fileURLToPath(new URL('../../../examples/agent/agent.sh', import.meta.url));
/** Ends by itself the first time; the second time it takes a moment to leave, as the agent does. */
const AGENT = `#!/bin/sh
trap 'sleep 0.3; echo left >>"$LOG"; exit 0' TERM
echo "start $*" >>"$LOG"
[ "$(grep -c start "$LOG")" -gt 1 ] || exit 1
while :; do sleep 0.05; done
`;

describe('the example for a machine without a supervisor', () => {
  it('starts the agent again when it ends, and waits for it to leave when it is stopped', async function () {
    this.timeout(20_000);
    const folder = await mkdtemp(join(tmpdir(), 'landbridge-example-'));
    const log = join(folder, 'log');
    const program = join(folder, 'landbridge');
    await writeFile(program, AGENT);
    await chmod(program, 0o755);
    const env = { PATH: `${folder}:${process.env['PATH']}`, LOG: log };
    const supervisor = spawn('sh', [SCRIPT], { env, stdio: 'ignore' });
    const ended = once(supervisor, 'exit');
    const said = (): Promise<string> => readFile(log, 'utf8').catch(() => '');
    const untilMs = performance.now() + 15_000;
    while ((await said()).split('start').length < 3 && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 50));
    supervisor.kill('SIGTERM');
    await ended;
    expect(await said()).to.equal('start agent run\nstart agent run\nleft\n');
    await rm(folder, { recursive: true });
  });
});
