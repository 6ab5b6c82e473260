import { spawn } from 'node:child_process';
import { eventually } from '../eventually.ts';
import { freePorts } from '../real/consul-ports.ts';

export interface OperatorProcess {
  pid: number;
  webhookPort: number;
  probePort: number;
  /** One figure of its /metrics, summed over labels. 0 when it is not there. */
  metric(name: string): Promise<number>;
  leads(): Promise<boolean>;
  readonly running: boolean;
  /** Its output so far, the last 4 MB. */
  log(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, null after a signal. */
  ended: Promise<number | null>;
  /** SIGTERM, which hands the lease back; SIGKILL after 10 s. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const KEPT_CHARACTERS = 4_000_000;

/**
 * Starts the built operator and waits until it leads, or only until it serves, or not at all. `env` is the whole of its
 * environment but PATH and those of the ports that it does not name.
 */
export async function startOperator(
  bundle: string,
  env: Record<string, string>,
  until: 'leads' | 'serves' | 'runs' = 'leads',
): Promise<OperatorProcess> {
  const [freeWebhook = 0, probePort = 0] = await freePorts(2);
  const webhookPort = Number(env.LANDBRIDGE_WEBHOOK_PORT ?? freeWebhook);
  const child = spawn(process.execPath, [bundle, 'operator'], {
    env: {
      PATH: process.env.PATH,
      POD_NAME: 'operator-0',
      ...env,
      LANDBRIDGE_WEBHOOK_PORT: `${webhookPort}`,
      LANDBRIDGE_PROBE_PORT: `${probePort}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Out of our process group, so that Ctrl-C ends the measures first and the operator in its turn.
    detached: true,
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-KEPT_CHARACTERS)));
  }
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  let running = true;
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => {
      running = false;
      process.off('exit', killWithUs);
      resolve(code);
    });
  });

  const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${probePort}${path}`);
  async function metric(name: string): Promise<number> {
    const text = await (await ask('/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
  const leads = async (): Promise<boolean> => (await metric('leader_election_master_status')) === 1;
  const operator: OperatorProcess = {
    pid: child.pid ?? 0,
    webhookPort,
    probePort,
    metric,
    leads,
    get running() {
      return running;
    },
    log: () => log,
    kill: (signal) => void child.kill(signal),
    ended,
    async stop() {
      child.kill('SIGTERM');
      // A stopped process does not act on SIGTERM.
      child.kill('SIGCONT');
      const patience = setTimeout(killWithUs, STOP_DEADLINE_MS);
      await ended;
      clearTimeout(patience);
    },
  };
  if (until === 'runs') return operator;
  try {
    await eventually(`the operator ${until}`, START_DEADLINE_MS, async () => {
      if (!running) return 'ended';
      return (until === 'leads' ? await leads() : (await ask('/readyz')).ok) ? 'so it is' : undefined;
    });
    if (!running) throw new Error('the operator ended');
  } catch (error) {
    await operator.stop();
    throw new Error(`${(error as Error).message}; its log: ${log.slice(-4000)}`);
  }
  return operator;
}
