import { execFileSync, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePart } from '../../lab/parts/ensure-part.ts';
import { silent } from '../../lab/progress/progress.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/real/consul-ports.ts';

export interface ServedRegistry {
  /** `127.0.0.1:PORT`. */
  host: string;
  stop(): void;
}

export interface RealRegistry extends ServedRegistry {
  user: string;
  password: string;
  /** Asks as that user. */
  get(path: string, accept?: string): Promise<Response>;
}

/** The registry of the Distribution project on loopback. `auth` is that part of its configuration. */
export async function serveRegistry(folder: string, auth: object): Promise<ServedRegistry> {
  const [port] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  await mkdir(folder, { recursive: true });
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
    http: { addr: host },
    auth,
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
  const registry = spawn(await ensurePart('registry', silent), ['serve', join(folder, 'config.yaml')], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  try {
    await eventually('the registry answers', 20_000, async () => (await fetch(`http://${host}/v2/`)).status === 401);
  } catch (error) {
    registry.kill();
    throw error;
  }
  return { host, stop: () => void registry.kill() };
}

/** A registry that takes one user alone. */
export async function startRegistry(folder: string): Promise<RealRegistry> {
  const [user, password] = ['release', 'a word of 20 letters'];
  await mkdir(folder, { recursive: true });
  const hash = execFileSync('python3', ['-W', 'ignore', '-c', HASH, password], { encoding: 'utf8' }).trim();
  const path = join(folder, 'htpasswd');
  await writeFile(path, `${user}:${hash}\n`);
  const served = await serveRegistry(folder, { htpasswd: { realm: 'test', path } });
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const get = (at: string, accept = '*/*'): Promise<Response> =>
    fetch(`http://${served.host}${at}`, { headers: { authorization, accept } });
  return { ...served, user, password, get };
}

/** The registry reads bcrypt alone. */
const HASH = 'import crypt, sys; print(crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))';
