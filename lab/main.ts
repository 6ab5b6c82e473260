import { existsSync } from 'node:fs';
import { quietPipes } from '../cli/quiet-pipes.ts';
import { inTheWay, labCheckout } from './checkout.ts';
import { withLock } from './parts/file-lock.ts';
import { kubeconfigFile, repositoryRoot } from './paths.ts';
import { terminalProgress } from './progress/progress-terminal.ts';
import type { Progress } from './progress/progress.ts';
import { runningLab } from './running.ts';
import { benchmark } from './sample/benchmark.ts';
import { click } from './sample/click.ts';
import { edgeDoors, throughDoors } from './sample/edge-gateway.ts';
import { echo } from './sample/echo.ts';
import { fault } from './sample/fault.ts';
import { checkMachine, checkRoot } from './requirements.ts';
import { prepare } from './prepare.ts';
import { labIsUp, readyFile, start } from './start.ts';
import { labMark, marker, rememberedProcesses } from './host/state.ts';
import { stop } from './stop.ts';
import { vmTerminal } from './vm/exec.ts';

interface LabCommand {
  /** Changes the lab: one at a time on a machine. Throws before any work where that cannot be. */
  alone?: () => Promise<void>;
  run(progress: Progress, args: string[]): Promise<void>;
}

const commands: Record<string, LabCommand> = {
  start: {
    alone: checkMachine,
    run: async (progress, args) => {
      const alive = existsSync(readyFile) || rememberedProcesses().length > 0;
      const obstacle = inTheWay({
        of: labCheckout(),
        alive,
        here: repositoryRoot,
        replace: args.includes('--replace'),
      });
      if (obstacle !== undefined) throw new Error(obstacle);
      if (await labIsUp()) progress.say('The lab is up already; `npm stop` takes it away.');
      else await start(progress);
      progress.say(whatNext);
    },
  },
  stop: { alone: checkRoot, run: stop },
  parts: {
    alone: checkMachine,
    run: (progress, args) => prepare(progress, { forTests: args.includes('--for-tests') }),
  },
  click: { run: async ({ say }) => click((await runningLab()).edge, say) },
  edge: {
    run: async ({ say }) => {
      const { cluster, edge } = await runningLab();
      await throughDoors(await edgeDoors(cluster, edge), say);
    },
  },
  echo: {
    run: async ({ say }) => {
      const lab = await runningLab();
      await echo(lab.cluster, lab.vm('vm1'), say);
    },
  },
  fault: { run: async ({ say }) => fault((await runningLab()).edge, say) },
  vm: {
    async run(_, [name = '', ...command]) {
      const { vms } = await runningLab();
      const names = vms.map((vm) => vm.name);
      if (!names.includes(name)) throw new Error(`usage: ${USAGE_VM} ${names.join(', ')}`);
      process.exitCode = await vmTerminal(name, command);
    },
  },
  benchmark: {
    run: async (progress, [seconds = '10']) => benchmark((await runningLab()).edge, wholeSeconds(seconds), progress),
  },
};

const USAGE_VM = 'npm run vm -- NAME [COMMAND...], where NAME is one of';

const whatNext = `
Try next:
  npm run click                                  the same again
  npm run edge                                   the doors of the edge gateway: HTTP, HTTPS, and nginx before it
  npm run echo                                   raw TCP, pod to VM and VM to pod
  npm run vm -- vm1                              a shell on a machine; npm run vm -- vm1 landbridge vm status
  export KUBECONFIG=${kubeconfigFile}
  npm run landbridge -- status -n shop           every service, pods and VMs
  npm run landbridge -- vm list --all            what runs outside the cluster
  kubectl -n shop get meshservices
  npm stop                                       nothing is left`;

function wholeSeconds(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600) return seconds;
  throw new Error(`${text} is not a number of seconds from 1 to 3600: npm run benchmark -- 30`);
}

quietPipes(process);
const name = process.argv[2] ?? '';
const command = commands[name];
if (command === undefined) {
  console.error(`usage: npm run lab -- ${Object.keys(commands).join(' | ')}`);
  process.exit(2);
}
// Inherited by everything started from here; see lab/host/state.ts.
process.env[marker] = labMark;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`\n${name}: interrupted. \`npm start\` begins anew, \`npm stop\` takes away what is there.`);
    process.exit(130);
  });
}
const progress = terminalProgress();
const begun = Date.now();
try {
  const work = (): Promise<void> => command.run(progress, process.argv.slice(3));
  const waits = (): void => progress.say('Another start or stop is at work.');
  await command.alone?.();
  await (command.alone ? withLock('/run/landbridge-lab.lock', waits, work) : work());
  if (command.alone) progress.say(`${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // The pieces that run beside a failed one are not waited for.
  process.exit(1);
}
