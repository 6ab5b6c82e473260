import { spawn } from 'node:child_process';

export interface ServerProcess {
  /** Why it ended by itself, with the last of its log; undefined while it runs. */
  ended(): string | undefined;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `patienceMs`; resolves when it is gone. */
  end(patienceMs?: number): Promise<void>;
}

/** Starts a server that does not outlive this process. */
export function launch(name: string, binary: string, args: string[]): ServerProcess {
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let why: string | undefined;
  const over = new Promise<void>((resolve) => {
    const end = (reason: string): void => {
      why = `${name} ${reason}`;
      process.off('exit', killWithUs);
      resolve();
    };
    child.once('error', (error) => end(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => end(`ended (${signal ?? code}): ${log}`));
  });
  return {
    ended: () => why,
    signal: (signal) => void child.kill(signal),
    async end(patienceMs = 10_000) {
      child.kill('SIGTERM');
      // A stopped process does not act on SIGTERM.
      child.kill('SIGCONT');
      const patience = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await over;
      clearTimeout(patience);
    },
  };
}
