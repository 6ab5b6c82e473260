import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inNetns } from '../../../lab/host/exec.ts';

interface Ask {
  method: string;
  path: string;
}

export interface LoadSettings {
  host: string;
  port: number;
  path: string;
  /** Default: GET. */
  method?: string;
  /** In place of method and path: these, one after the other, again and again. */
  asks?: Ask[];
  headers?: Record<string, string>;
  perSecond: number;
}

export interface Shot {
  asked: Ask;
  /** ms since the epoch. */
  sentAtMs: number;
  ms: number;
  /** 0: without an answer. */
  status: number;
  /** Instance and platform, as the sample signs its answers. */
  servedBy: string;
  platform: string;
}

export interface SteadyLoad {
  /** Stops sending, waits for what is under way and gives all shots. */
  stop(): Promise<Shot[]>;
}

const program = fileURLToPath(new URL('load-program.ts', import.meta.url));

/**
 * Requests at a steady rate that does not depend on the answers, from a process of its own; `netns`: from that network namespace.
 * Resolves when the first is sent: a program takes its time to start on a busy machine.
 */
export async function startSteadyLoad(settings: LoadSettings, netns?: string): Promise<SteadyLoad> {
  const args = ['--import', 'tsx', program, JSON.stringify(settings)];
  const [command, argv] = inNetns(netns, process.execPath, args);
  const child = spawn(command, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  return {
    async stop() {
      child.stdin.end();
      await ended;
      process.off('exit', killWithUs);
      return JSON.parse(
        Buffer.concat(chunks)
          .toString()
          .replace(/^started\n/, ''),
      ) as Shot[];
    },
  };
}

export const failed = ({ status }: Shot): boolean => status !== 200;

/** The k-th percentile, nearest rank: a value that was seen. */
export function percentile(values: number[], k: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((k / 100) * sorted.length) - 1)] ?? NaN;
}
