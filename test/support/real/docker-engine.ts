import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../../lab/engine/engine.ts';
import { findCommand } from '../../../lab/host/debian-packages.ts';
import { output, run } from '../../../lab/host/exec.ts';
import { eventually } from '../eventually.ts';

export interface RealEngine extends Engine {
  stop(): Promise<void>;
}

/** A dockerd of its own, in folders, mounts and processes of its own, that runs no container: it pulls, builds and keeps images. Needs root. */
export async function startDockerEngine(): Promise<RealEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-docker-'));
  const at = (name: string): string => join(folder, name);
  await mkdir(at('run'));
  await writeFile(at('daemon.json'), '{}\n');
  const dockerd = [
    ...['--config-file', at('daemon.json'), '--host', `unix://${at('docker.sock')}`, '--pidfile', at('docker.pid')],
    ...['--data-root', at('data'), '--exec-root', at('exec'), '--storage-driver', 'vfs'],
    ...['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs'],
  ];
  // A containerd of the host is not seen, so dockerd starts its own; when this ends, the kernel ends what it started.
  const script = 'mount --bind "$1" /run; shift; exec "$@"';
  const inside = ['sh', '-euc', script, 'engine', at('run'), findCommand('dockerd') ?? 'dockerd', ...dockerd];
  const flags = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL'];
  const child = spawn('unshare', [...flags, ...inside], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()));
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const env = { DOCKER_HOST: `unix://${at('docker.sock')}`, DOCKER_CONFIG: at('client'), DOCKER_BUILDKIT: '0' };
  const engine: RealEngine = {
    kind: 'host',
    env,
    netns: undefined,
    docker: (args, options = {}) => output('docker', args, { ...options, env: { ...env, ...options.env } }),
    run: (command, args, options = {}) => run(command, args, { ...options, env: { ...env, ...options.env } }),
    async stop() {
      killWithUs();
      await ended;
      process.off('exit', killWithUs);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await eventually('dockerd answers', 60_000, async () => {
      if (child.exitCode !== null) return 'ended';
      return engine.docker(['version', '--format', '{{.Server.Version}}'], { timeoutMs: 5000 });
    });
    if (child.exitCode !== null) throw new Error('dockerd ended');
  } catch (error) {
    await engine.stop();
    throw new Error(`${(error as Error).message}; its log: ${log.slice(-3000)}`);
  }
  return engine;
}
