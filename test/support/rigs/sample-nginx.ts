import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const unpacked = fileURLToPath(new URL('../../../node_modules/.cache/nginx', import.meta.url));

/**
 * What `services/edge/run.sh` needs to run here: nginx, a folder, and a port. Where nginx is not installed, the Debian
 * package is unpacked into node_modules/.cache; nothing is installed on the machine.
 */
export async function edgeEnvironment(): Promise<Record<string, string>> {
  const runDir = await mkdtemp(join(tmpdir(), 'sample-edge-'));
  await chmod(runDir, 0o755); // started by root, nginx works as nobody
  return { NGINX_BINARY: await nginxBinary(), RUN_DIR: runDir, PORT: String(await freePort()) };
}

/** Path of nginx, which is fetched first where it is missing. */
export async function nginxBinary(): Promise<string> {
  const own = join(unpacked, 'usr/sbin/nginx');
  for (const path of ['/usr/sbin/nginx', own]) {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  await mkdir(unpacked, { recursive: true });
  const download = () => execFileAsync('apt-get', ['download', '--quiet', 'nginx'], { cwd: unpacked });
  await download().catch(async () => {
    await execFileAsync('apt-get', ['update', '--quiet']);
    await download();
  });
  const { stdout } = await execFileAsync('find', [unpacked, '-maxdepth', '1', '-name', 'nginx_*.deb']);
  await execFileAsync('dpkg-deb', ['--extract', stdout.trim().split('\n')[0]!, unpacked]);
  return own;
}

/** nginx cannot pick one itself. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}
