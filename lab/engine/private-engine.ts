import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lacksCapabilities } from './capabilities.ts';
import { endedBy, endProcess } from '../host/end-process.ts';
import { attempt, launch, run, tail } from '../host/exec.ts';
import { ensurePart } from '../parts/ensure-part.ts';
import { cacheDirectory, logDirectory, stateDirectory } from '../paths.ts';
import { isAlive, processId, type ProcessId } from '../host/process-id.ts';
import type { Progress } from '../progress/progress.ts';
import { forgetProcess, rememberedProcesses, rememberProcess } from '../host/state.ts';

const name = 'engine';
const namespace = 'lb-engine';
const socket = `unix://${stateDirectory}/docker.sock`;
/** Everything the engine's containers do is accounted for below this, so that stop can find and remove it. */
export const cgroup = 'landbridge-lab';
const startMs = 30_000;

export const privateEngine = {
  netns: `/run/netns/${namespace}`,
  // The classic builder: Debian's engine has no other, and asking it for BuildKit fails.
  env: { DOCKER_HOST: socket, DOCKER_BUILDKIT: '0' } as Record<string, string>,
  isRunning: (): boolean => remembered() !== undefined,
};

/**
 * Process 1 of the engine's own process namespace. It reaps the processes that containers leave behind. /run is its own but for the
 * lab's folder: dockerd writes there beside what it is told, and would use a containerd of the host. When it dies the
 * kernel ends everything that runs on the engine and takes its mounts away: nothing can be left, however the lab ends.
 */
const init = `
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/${basename(stateDirectory)}
mount --bind ${stateDirectory} /mnt/${basename(stateDirectory)}
mount --no-mtab --move /mnt /run
set +e
dockerd "$@" &
dockerd=$!
trap 'kill -TERM $dockerd' TERM
while kill -0 $dockerd 2>/dev/null; do wait $dockerd; done
`;

export async function launchPrivateEngine(progress: Progress): Promise<void> {
  const runtime = lacksCapabilities() ? await ensurePart('runc-capwrap', progress) : undefined;
  const task = progress.begin('private Docker engine');
  try {
    await launchDockerd(runtime);
    await removeLeftContainers();
  } catch (error) {
    task.failed('dockerd');
    throw error;
  }
  task.done();
}

async function launchDockerd(runtime: string | undefined): Promise<void> {
  const data = join(cacheDirectory(), 'engine');
  const logFile = join(logDirectory, 'dockerd.log');
  for (const folder of [data, stateDirectory, logDirectory]) mkdirSync(folder, { recursive: true });
  // Given so that the host's own /etc/docker/daemon.json is not read.
  const config = join(stateDirectory, 'daemon.json');
  writeFileSync(config, '{}\n');
  writeFileSync(logFile, '');
  await run('ip', ['netns', 'add', namespace]);
  await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  const dockerd = [
    ...['--config-file', config, '--host', socket, '--pidfile', join(stateDirectory, 'docker.pid')],
    ...['--data-root', data, '--exec-root', join(stateDirectory, 'docker')],
    // The other driver asks a systemd, which this host need not run and which would own what is made here.
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${cgroup}`],
    // Names of the outside cannot be looked up from in here. A node asks for one before it boots, and would wait five
    // seconds for no answer.
    ...['--dns', '127.0.0.1', '--dns-opt', 'timeout:1', '--dns-opt', 'attempts:1'],
    ...(runtime === undefined ? [] : ['--add-runtime', `capwrap=${runtime}`, '--default-runtime', 'capwrap']),
  ];
  const child = launch(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'],
      ...['sh', '-c', init, 'engine', ...dockerd],
    ],
    { netns: privateEngine.netns, logFile },
  );
  rememberProcess(name, child.pid ?? 0);
  const deadline = Date.now() + startMs;
  while ((await attempt('docker', ['version'], { env: privateEngine.env })).code !== 0) {
    if (!privateEngine.isRunning() || Date.now() > deadline)
      throw new Error(`dockerd does not come up:\n${tail(readFileSync(logFile, 'utf8'), 20)}`);
    await sleep(50);
  }
}

/** After a crash the engine still knows the containers and networks of the lab before; images are kept. */
async function removeLeftContainers(): Promise<void> {
  const options = { env: privateEngine.env };
  const all = await run('docker', ['ps', '--all', '--quiet'], options);
  const ids = all.stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await run('docker', ['rm', '--force', '--volumes', ...ids], options);
  await run('docker', ['network', 'prune', '--force'], options);
  await run('docker', ['volume', 'prune', '--force'], options);
}

export async function stopPrivateEngine(): Promise<void> {
  const outer = remembered();
  if (outer !== undefined) {
    // `unshare` itself does not pass SIGTERM on, so its child is asked.
    const inner = childOf(outer);
    if (inner !== undefined) await endedBy(inner, 'SIGTERM', 10_000);
    await endProcess(outer, 2000);
  }
  forgetProcess(name);
  if (existsSync(privateEngine.netns)) await run('ip', ['netns', 'del', namespace]);
}

function remembered(): ProcessId | undefined {
  const found = rememberedProcesses().find((entry) => entry.name === name);
  return found !== undefined && isAlive(found.id) ? found.id : undefined;
}

function childOf({ pid }: ProcessId): ProcessId | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children[0] ? processId(Number(children[0])) : undefined;
}
