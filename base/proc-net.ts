import { open } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

import { hostPort } from './host-port.ts';

/** One TCP socket of this network namespace, as proc(5) shows it. */
export interface TcpSocket {
  address: string;
  port: number;
  peer: string;
  /** `0A`: it listens; `01`: it is connected. */
  state: string;
}

const LISTENS = '0A';
const CONNECTED = '01';

/** A machine with more connections is not counted to the end. About 27,000 lines. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The sockets in one table of /proc/net/tcp or tcp6. Lines that are not understood are left out. */
export function parseSockets(table: string): TcpSocket[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
    const at = endpoint(local);
    const peer = endpoint(remote);
    return at === undefined || peer === undefined ? [] : [{ ...at, peer: peer.address, state }];
  });
}

function endpoint(text: string): { address: string; port: number } | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (match === null) return undefined;
  // Each word of 32 bits is in the order of this machine, and those on which the agent runs are little-endian.
  const bytes = match[1]!.match(/.{8}/g)!.flatMap((word) => word.match(/../g)!.reverse());
  return { address: addressOf(bytes.map((byte) => parseInt(byte, 16))), port: parseInt(match[2]!, 16) };
}

function addressOf(bytes: number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (mapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(':');
  // The URL parser shortens as RFC 5952 says.
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1);
}

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';

export interface Listening {
  /** Whether anything listens on the port. */
  any: boolean;
  /** `address:port`, beyond loopback. `[::]` takes IPv4 as well on most machines: proc(5) does not show which. */
  beyond: string[];
}

/** The listeners on the port, by the tables of /proc/net. */
export function listeningOn(sockets: readonly TcpSocket[], port: number): Listening {
  const here = sockets.filter((socket) => socket.state === LISTENS && socket.port === port);
  const beyond = here.filter(({ address }) => !isLoopback(address)).map(({ address }) => hostPort(address, port));
  return { any: here.length > 0, beyond: [...new Set(beyond)].sort() };
}

/** `address:port` of listeners that what is sent to 127.0.0.1 does not reach; none while one of them does. */
export function listeningElsewhere(sockets: readonly TcpSocket[], port: number): string[] {
  const here = sockets.filter((socket) => socket.state === LISTENS && socket.port === port);
  if (here.some(({ address }) => address === '127.0.0.1' || address === '0.0.0.0')) return [];
  return [...new Set(here.map(({ address }) => hostPort(address, port)))].sort();
}

/** Addresses that hold a connection to the port, without the machine's own. */
export function callersOf(sockets: readonly TcpSocket[], port: number, own: ReadonlySet<string>): string[] {
  const found = sockets
    .filter((socket) => socket.state === CONNECTED && socket.port === port)
    .filter(({ peer }) => !isLoopback(peer) && !own.has(peer))
    .map(({ peer }) => peer);
  return [...new Set(found)].sort();
}

export const ownAddresses = (): Set<string> =>
  new Set(
    Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address.replace(/%.*/, ''))),
  );

/** All sockets that listen, and the connections as far as MAX_BYTES goes; listening ones come first. Never throws. */
export async function readSockets(): Promise<TcpSocket[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => head(path).catch(() => '')));
  return tables.flatMap(parseSockets);
}

async function head(path: string): Promise<string> {
  const file = await open(path);
  try {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of file.createReadStream({ autoClose: false, end: MAX_BYTES - 1 }) as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
    }
    return Buffer.concat(parts, size).toString('latin1');
  } finally {
    await file.close();
  }
}
