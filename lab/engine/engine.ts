import { attempt, output, run, type RunOptions, type RunResult } from '../host/exec.ts';
import { changeKernelSettings } from './kernel-settings.ts';
import type { Progress } from '../progress/progress.ts';
import { launchPrivateEngine, privateEngine, stopPrivateEngine } from './private-engine.ts';

/** The Docker engine the lab runs on. */
export interface Engine {
  /** `host`: the one that was there. `private`: started by the lab, stopped by the lab. */
  kind: 'host' | 'private';
  /** The environment of every docker and kind command. */
  env: Record<string, string>;
  /** Path of the network namespace the engine lives in; undefined = the host's. */
  netns: string | undefined;
  /** `docker ARGS` against this engine; gives standard output without white space at its ends. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Any command in the engine's namespace with its environment. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** Whether a Docker engine answers the user's own `docker`, as DOCKER_HOST or the context in use has it. */
export async function hostEngineAnswers(): Promise<boolean> {
  const args = ['version', '--format', '{{.Server.Version}}'];
  return (await attempt('docker', args, { timeoutMs: 10_000 })).code === 0;
}

/** The engine that is there, or else a private one, which is started. */
export async function startEngine(progress: Progress): Promise<Engine> {
  changeKernelSettings();
  if (await hostEngineAnswers()) return hostEngine();
  await launchPrivateEngine(progress);
  return engine('private', privateEngine.env, privateEngine.netns);
}

/** The engine a running lab uses; to be asked only after startEngine. */
export async function currentEngine(): Promise<Engine> {
  if (privateEngine.isRunning()) return engine('private', privateEngine.env, privateEngine.netns);
  return hostEngine();
}

/** Stops the private engine with all that runs on it. The user's own is left alone. */
export async function stopEngine(): Promise<void> {
  await stopPrivateEngine();
}

/** The user's own engine, which has to answer. */
export function hostEngine(): Engine {
  return engine('host', {}, undefined);
}

function engine(kind: Engine['kind'], env: Record<string, string>, netns: string | undefined): Engine {
  const within = (options: RunOptions = {}): RunOptions => ({
    ...options,
    env: { ...env, ...options.env },
    netns: options.netns ?? netns,
  });
  return {
    kind,
    env,
    netns,
    docker: (args, options) => output('docker', args, within(options)),
    run: (command, args, options) => run(command, args, within(options)),
  };
}
