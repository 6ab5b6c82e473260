import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ServedRegistry, serveRegistry } from '../support/real/registry.ts';

export interface RealRegistry extends ServedRegistry {
  user: string;
  password: string;
  /** Asks as that user. */
  get(path: string, accept?: string): Promise<Response>;
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
