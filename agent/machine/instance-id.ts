import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Unique within the datacenter, and the same after every restart. */
export const instanceId = (service: string, host: string, appPort: number): string => `${service}-${host}-${appPort}`;

/** sun_path of unix(7) holds 108 bytes, the last of them a zero. */
const MAX_SOCKET_PATH = 107;
export const ADMIN_SOCKET = 'admin.sock';
/** Envoy adds the role of a process and a number of ten digits, see agent/envoy/hot-restart.ts. */
export const HOT_RESTART_SOCKET = 'hot';
const LONGEST_SOCKET = `${HOT_RESTART_SOCKET}_udp_parent_2000000000`;

/** An instance's folder. A long id is shortened, because the sockets in it have a length limit. */
export function instanceFolder(runtimeDir: string, id: string): string {
  const folder = join(runtimeDir, id);
  if (Buffer.byteLength(join(folder, LONGEST_SOCKET)) <= MAX_SOCKET_PATH) return folder;
  return join(runtimeDir, createHash('sha256').update(id).digest('hex').slice(0, 16));
}
