import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { readSettings } from '../../../agent/machine/settings.ts';
import { landbridgeProgram } from '../../../cli/program.ts';
import type { CommandFailed } from '../../../lab/host/exec.ts';
import { output } from '../../../lab/host/exec.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';

const EXAMPLE = fileURLToPath(new URL('../../../examples/agent/agent.nomad.hcl', import.meta.url));

interface Task {
  Driver: string;
  Config: { command: string; args: string[] };
  Env: Record<string, string>;
  KillSignal: string;
  /** ns */
  KillTimeout: number;
}

/** The example as Nomad's own reader of job files takes it. No Nomad runs, so the start of the task is not tested. */
describe('the example for Nomad', function () {
  this.timeout(600_000);
  let program: string;
  before(async () => (program = await ensurePart('nomad-jobspec', silent)));
  const parsed = (input: string): Promise<string> => output(program, [], { input });
  const refusal = (input: string): Promise<string> =>
    parsed(input).then(
      () => expect.fail('Nomad takes it'),
      (error: CommandFailed) => error.result.stderr,
    );

  it('is a job for Nomad, which runs the agent by a command and settings that it knows', async () => {
    const job = JSON.parse(await parsed(await readFile(EXAMPLE, 'utf8'))) as {
      Type: string;
      TaskGroups: { Tasks: Task[] }[];
    };
    expect(job.Type, 'one on each client').to.equal('system');
    const tasks = job.TaskGroups.flatMap(({ Tasks }) => Tasks);
    expect(tasks).to.have.length(1);
    const { Driver, Config, Env, KillSignal, KillTimeout } = tasks[0]!;
    expect(Driver).to.equal('raw_exec');
    expect(Config.command).to.match(/\/landbridge$/);
    const [group, command] = Config.args;
    const agent = landbridgeProgram().commands.find((one) => one.name() === group);
    expect(agent?.commands.map((one) => one.name())).to.include(command);
    // Settings that the agent does not read would be left out of this.
    const { stateDir, configDir, runtimeDir, drainMs } = readSettings(Env);
    expect([stateDir, configDir, runtimeDir].sort()).to.deep.equal(Object.values(Env).sort());
    expect(KillSignal, 'what the agent drains at').to.equal('SIGTERM');
    expect(KillTimeout / 1e6, 'time to drain, and for its Envoys to end').to.be.greaterThan(drainMs + 10_000);
  });

  it('would be refused with a word in it that Nomad does not know', async () => {
    const text = await readFile(EXAMPLE, 'utf8');
    expect(await refusal(text.replace('driver ', 'drivver '))).to.include('Did you mean "driver"?');
    expect(await refusal(text.replace('kill_timeout = "30s"', 'kill_timeout = "soon"'))).to.include('soon');
  });
});
