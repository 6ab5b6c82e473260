import { execFile } from 'node:child_process';
import { urlHost } from '../../base/host-port.ts';

/** Where systems keep nft and ss; root's PATH may be shorter. */
const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';

export interface Ran {
  ok: boolean;
  /** Why not, in one line. `absent`: the program is not there. */
  problem: string;
  absent: boolean;
}

/** Runs a program of the system's with nothing of our environment; never throws. */
function runTool(file: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const path = process.env['PATH'];
    const env = { PATH: path === undefined ? PATH : `${path}:${PATH}`, LANG: 'C' };
    const child = execFile(file, args, { env, timeout: 20_000, maxBuffer: 4 * 1024 * 1024 }, (error, _out, stderr) => {
      const said = stderr.trim().split('\n')[0] || error?.message || '';
      resolve({ ok: error === null, problem: said.slice(0, 150), absent: error?.code === 'ENOENT' });
    });
    // A program that is not there takes no input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Puts rules into force in one transaction. */
export const nft = (rules: string): Promise<Ran> => runTool('nft', ['-f', '-'], rules);

/**
 * Ends connections to these ports that do not come from the machine itself: they were there before the rules, which meet only
 * what opens a connection. Not every kernel can (CONFIG_INET_DIAG_DESTROY); the agent tells which go on.
 */
export async function endConnections(ports: readonly number[], own: ReadonlySet<string>): Promise<void> {
  if (ports.length === 0) return;
  const from = ports.map((port) => `sport = :${port}`).join(' or ');
  const local = ['127.0.0.0/8', '[::1]', ...[...own].map(urlHost)];
  const not = local.map((address) => `not dst ${address}`).join(' and ');
  await runTool('ss', ['-K', '-H', '-t', '-n', 'state', 'connected', `( ( ${from} ) and ${not} )`]);
}
