import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { localClient } from '../../../agent/local-api/client.ts';
import type { AgentStatus } from '../../../agent/local-api/status.ts';
import { buildBundle } from '../../../build/build.ts';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';

/** Built once for all machines of a run: from source, each of the many calls would take seconds. */
let bundle: Promise<string> | undefined;

/** A machine outside the cluster, as far as folders and environment make one: the real program, and real Envoys. */
export interface Machine {
  folder: string;
  stateDir: string;
  runtimeDir: string;
  /** services.d. */
  definitions: string;
  /** Runs `landbridge ARGS` to its end. */
  landbridge(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  startAgent(extra?: NodeJS.ProcessEnv): void;
  /** The running agent. */
  agent(): ChildProcess;
  status(): Promise<AgentStatus>;
  /** Loses files of its state. */
  forget(...files: string[]): Promise<void>;
  /** The log of the agent. */
  log(): string;
  /** Sends the signal, waits for the end of the agent, and gives its exit code. */
  endAgent(signal: NodeJS.Signals): Promise<number | null>;
  remove(): Promise<void>;
}

/** `ENVOY_BIN` names another executable. `netns`: the network namespace in which all of it runs. */
export async function makeMachine({ netns }: { netns?: string } = {}): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'landbridge-vm-'));
  const [stateDir, configDir, runtimeDir] = ['state', 'etc', 'run'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const env = {
    ...process.env,
    LANDBRIDGE_STATE_DIR: stateDir,
    LANDBRIDGE_CONFIG_DIR: configDir,
    LANDBRIDGE_RUNTIME_DIR: runtimeDir,
    LANDBRIDGE_DOORS_DIR: join(folder, 'doors'),
    LANDBRIDGE_ENVOY: process.env['ENVOY_BIN'] ?? (await ensurePart('envoy', silent)),
    LANDBRIDGE_DRAIN_MS: '1500',
    LANDBRIDGE_DNS: 'off',
  };
  const program = await (bundle ??= buildBundle());
  const [file, ...before] =
    netns === undefined ? [process.execPath] : ['nsenter', `--net=/run/netns/${netns}`, process.execPath];
  const client = localClient(join(runtimeDir, 'agent.sock'));
  let agent: ChildProcess | undefined;
  let log = '';
  const machine: Machine = {
    folder,
    stateDir,
    runtimeDir,
    definitions: join(configDir, 'services.d'),
    landbridge: (...args) =>
      new Promise((resolve) => {
        execFile(file!, [...before, program, ...args], { env }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
        );
      }),
    startAgent(extra = {}) {
      log = '';
      agent = spawn(file!, [...before, program, 'agent', 'run'], {
        env: { ...env, ...extra },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const keep = (part: Buffer): void => void (log = (log + part.toString()).slice(-200_000));
      agent.stdout?.on('data', keep);
      agent.stderr?.on('data', keep);
    },
    agent: () => agent!,
    status: () => client.status(),
    forget: async (...files) => void (await Promise.all(files.map((file) => rm(join(stateDir, file))))),
    log: () => log,
    async endAgent(signal) {
      if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return agent?.exitCode ?? null;
      const exit = once(agent, 'exit');
      agent.kill(signal);
      const [code] = (await exit) as [number | null];
      return code;
    },
    async remove() {
      await machine.endAgent('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
  return machine;
}

/** Asks until it gives something, every 50 ms; throws with the last failure when `deadlineMs` is over. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  ask: () => Promise<T | undefined | false>,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  let last = '';
  for (;;) {
    const given = await ask().catch((error: Error) => {
      last = `: ${error.message}`;
      return undefined;
    });
    if (given !== undefined && given !== false) return given;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms${last}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
