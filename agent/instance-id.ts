import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Unique within the datacenter, and the same after every restart. */
export const instanceId = (service: string, host: string, appPort: number): string => `${service}-${host}-${appPort}`;

/** sun_path of unix(7) holds 108 bytes, the last of them a zero. */
const MAX_SOCKET_PATH = 107;
export const ADMIN_SOCKET = 'admin.sock';

/** An instance's folder. A long id is shortened, because the admin socket in it has a length limit. */
export function instanceFolder(runtimeDir: string, id: string): string {
  const folder = join(runtimeDir, id);
  if (Buffer.byteLength(join(folder, ADMIN_SOCKET)) <= MAX_SOCKET_PATH) return folder;
  return join(runtimeDir, createHash('sha256').update(id).digest('hex').slice(0, 16));
}
