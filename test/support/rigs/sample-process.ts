import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildServices } from '../../../services/build.ts';
import { edgeEnvironment } from './sample-nginx.ts';

export type SampleName = 'edge' | 'api-gateway' | 'frontend' | 'add-svc' | 'sub-svc' | 'echo' | 'ledger';

/** A process of the sample that has said it is started. */
export interface SampleProcess {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** The JSON lines it has logged so far. */
  readonly log: () => Record<string, unknown>[];
  /** Sends SIGTERM. `ended` tells how it ends. */
  readonly terminate: () => void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Outside of what `npm run build` makes, and wiped by `npm ci`. */
/** Where tests keep the built sample. */
export const sampleFolder = fileURLToPath(new URL('../../../node_modules/.cache/sample', import.meta.url));
const startDeadlineMs = 20_000;
const running = new Set<ChildProcess>();
let building: Promise<unknown> | undefined;

/**
 * Starts a real process of the sample on a free port of 127.0.0.1, building it first where needed. `env` adds to what is
 * set here: a drain of 0.2 s and the identity NAME-1 on vm host-1. Rejects with its output when it does not start.
 */
export async function startSample(name: SampleName, env: Record<string, string> = {}): Promise<SampleProcess> {
  const identity = { INSTANCE_NAME: `${name}-1`, PLATFORM: 'vm', HOST_NAME: 'host-1', HOST_ADDRESS: '192.0.2.1' };
  const common = { PORT: '0', BIND_ADDRESS: '127.0.0.1', DRAIN_SECONDS: '0.2', ...identity };
  const { child, cleanUp } = await launch(name, [], { ...common, ...env });
  const ended = once(child, 'exit').then(async ([code, signal]) => {
    running.delete(child);
    await cleanUp();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const output = collect(child);
  const port = Number((await output.line('started', ended)).port);
  const url = `http://127.0.0.1:${port}`;
  return { port, url, log: output.lines, terminate: () => void child.kill('SIGTERM'), ended };
}

/** Runs a program of the sample that is expected to end by itself, and returns how. */
export async function runSample(name: SampleName, args: string[], env: Record<string, string> = {}) {
  const { child, cleanUp } = await launch(name, args, env);
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  await cleanUp();
  return { code, stdout, stderr };
}

async function launch(name: SampleName, args: string[], env: Record<string, string>) {
  building ??= buildServices(sampleFolder, () => undefined);
  await building;
  const command = await commandOf(name);
  const child: ChildProcess = spawn(command.file, [...command.args, ...args], {
    env: { PATH: process.env.PATH, ...env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await once(child, 'spawn');
  running.add(child);
  const cleanUp = async () => {
    if (command.env?.RUN_DIR) await rm(command.env.RUN_DIR, { recursive: true, force: true });
  };
  return { child, cleanUp };
}

/** Ends whatever a test left behind, at once. */
export async function killSamples(): Promise<void> {
  const left = [...running];
  for (const child of left) killGroup(child);
  const alive = left.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  await Promise.all(alive.map((child) => once(child, 'exit')));
  running.clear();
}

/** Each leads a process group of its own: the edge is a script with nginx under it. */
function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

process.once('exit', () => running.forEach(killGroup));

interface Command {
  readonly file: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
}

async function commandOf(name: SampleName): Promise<Command> {
  const folder = join(sampleFolder, name);
  const jre = join(sampleFolder, 'jre');
  switch (name) {
    case 'add-svc':
    case 'api-gateway':
      return { file: join(jre, 'bin/java'), args: [`@${join(jre, 'jvm.args')}`, '-jar', join(folder, `${name}.jar`)] };
    case 'frontend':
      return { file: join(folder, 'node/node'), args: [join(folder, 'frontend.mjs')] };
    case 'edge':
      return { file: join(folder, 'run.sh'), args: [], env: await edgeEnvironment() };
    default:
      return { file: join(folder, name), args: [] };
  }
}

function collect(child: ChildProcess) {
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      for (const listener of listeners) listener();
    });
  }
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const line = (message: string, ended: Promise<unknown>) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const give = (why: string) =>
        reject(new Error(`${child.spawnfile} ${why} before it logged "${message}":\n${text}`));
      const timer = setTimeout(() => give(`took ${startDeadlineMs} ms`), startDeadlineMs);
      const look = () => {
        const found = text.endsWith('\n') ? lines().find((one) => one.message === message) : undefined;
        if (!found) return;
        clearTimeout(timer);
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      void ended.then(() => give('ended'));
    });
  return { lines, line };
}
