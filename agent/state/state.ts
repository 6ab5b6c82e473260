import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { MUTUAL_TLS } from '../../crds/doors.ts';
import { proxySettings } from '../../crds/proxy.ts';

import { atomicWrite } from '../machine/atomic-write.ts';
import { Problem, codeOf, messageOf } from '../../base/problem.ts';
import { readOwn } from '../machine/read-own.ts';

const hostState = z.object({
  host: z.string().min(1),
  site: z.string().min(1),
  /** `host:port`, tried in turn. */
  bridges: z.array(z.string()).min(1),
  leaseMs: z.number().positive(),
  consul: z.object({
    grpc: z.array(z.string()).min(1),
    serverName: z.string(),
    datacenter: z.string(),
    caPem: z.string(),
  }),
  /** Address that other sidecars use. `follow`: the source address of the route to the bridge, looked up at every beat. */
  address: z.string(),
  addressMode: z.enum(['fixed', 'follow']),
});
export type HostState = z.output<typeof hostState>;

const storedToken = z.object({ token: z.string().min(1), obtainedAt: z.string(), expiresAt: z.string() });
const tokens = z.record(z.string(), storedToken);
export type Tokens = z.output<typeof tokens>;

const ports = z.record(z.string(), z.int().min(1).max(65535));
/** Sidecar ports by instance id. */
export type Ports = z.output<typeof ports>;

const known = z.object({
  leaseMs: z.number().positive(),
  services: z.array(
    z.object({
      service: z.string(),
      protocol: z.enum(['tcp', 'http', 'http2', 'grpc']),
      upstreams: z.array(
        z.object({
          service: z.string(),
          localPort: z.number(),
          variable: z.object({ name: z.string(), value: z.string() }).optional(),
        }),
      ),
      proxy: proxySettings.unwrap().omit({ resources: true, stopDelay: true }).optional(),
      doors: z.object({ mode: z.enum(MUTUAL_TLS), plaintextPorts: z.array(z.number()) }).optional(),
    }),
  ),
});
/** The last answer of the bridge, without tokens. */
export type Known = z.output<typeof known>;

const names = z.record(
  z.string(),
  z.object({ message: z.string(), askedAtMs: z.number(), ttlMs: z.number().positive() }),
);

/**
 * The files that the agent keeps on disk. host.* and bridge-ca.crt are the machine's membership, written by `vm join`; without them the agent has nothing to do. The rest is the last known good answer, so that a start needs neither bridge nor Consul.
 */
export interface State {
  folder: string;
  readHost(): Promise<HostState | undefined>;
  writeHost(host: HostState): Promise<void>;
  /** PEM. undefined when one of the three files is missing. */
  readIdentity(): Promise<Identity | undefined>;
  /** The key is there before the certificate, so that a join whose answer was lost can be asked again. */
  readKey(): Promise<string | undefined>;
  /** Key first: a certificate without its key is of no use. */
  writeIdentity(identity: Partial<Identity>): Promise<void>;
  readTokens(): Promise<Tokens>;
  writeTokens(tokens: Tokens): Promise<void>;
  readPorts(): Promise<Ports>;
  writePorts(ports: Ports): Promise<void>;
  readKnown(): Promise<Known | undefined>;
  writeKnown(known: Known): Promise<void>;
  readNames(): Promise<Record<string, KnownName>>;
  writeNames(value: Record<string, KnownName>): Promise<void>;
  /** Forgets the membership and everything learnt. */
  clear(): Promise<void>;
  /** Which files could not be written, and why; undefined: each holds what it was given last. */
  problem(): string | undefined;
  /** Writes again what could not be written. Never rejects. */
  retry(): Promise<void>;
}

/** PEM: the host's key and certificate, and the authority that the bridge's certificate must come from. */
export interface Identity {
  key: string;
  certificate: string;
  bridgeCa: string;
}

const FILES = {
  host: 'host.json',
  key: 'host.key',
  certificate: 'host.crt',
  bridgeCa: 'bridge-ca.crt',
  ports: 'ports.json',
  known: 'known.json',
  tokens: 'tokens.json',
  names: 'names.json',
};
const SECRET = 0o600;
const PLAIN = 0o640;

/** Files belong to the owner of the folder, so that what root's CLI writes can be read by the unprivileged agent. */
export function openState(folder: string): State {
  const at = (file: string): string => join(folder, file);
  /** The newest content of files that could not be written. */
  const waiting = new Map<string, { content: string; mode: number; why: string }>();
  /** One after the other, so that the newest content of a file comes last. */
  let turn: Promise<unknown> = Promise.resolve();
  const write = (file: string, content: string, mode: number): Promise<void> => {
    const written = turn.then(() => writeNow(file, content, mode));
    turn = written.catch(() => undefined);
    return written;
  };
  const writeNow = async (file: string, content: string, mode: number): Promise<void> => {
    try {
      const { uid, gid } = await stat(folder);
      await atomicWrite(at(file), content, { mode, owner: { uid, gid } });
      waiting.delete(file);
    } catch (error) {
      waiting.set(file, { content, mode, why: codeOf(error) ?? messageOf(error) });
      throw error;
    }
  };
  const writeJson = (file: string, value: object, mode = PLAIN): Promise<void> =>
    write(file, `${JSON.stringify(value, null, 2)}\n`, mode);
  return {
    folder,
    readHost: () =>
      readJson(at(FILES.host), hostState, 'restore it, or join again with a new invite (landbridge vm join)'),
    writeHost: (host) => writeJson(FILES.host, host),
    async readIdentity() {
      const [key, certificate, bridgeCa] = await Promise.all(
        [FILES.key, FILES.certificate, FILES.bridgeCa].map((file) => readText(at(file))),
      );
      return key && certificate && bridgeCa ? { key, certificate, bridgeCa } : undefined;
    },
    readKey: () => readText(at(FILES.key)),
    async writeIdentity({ key, certificate, bridgeCa }) {
      if (key !== undefined) await write(FILES.key, key, SECRET);
      // Both are tried, so that both wait where the disk is full.
      const written = await Promise.allSettled([
        bridgeCa === undefined ? undefined : write(FILES.bridgeCa, bridgeCa, PLAIN),
        certificate === undefined ? undefined : write(FILES.certificate, certificate, PLAIN),
      ]);
      for (const one of written) if (one.status === 'rejected') throw one.reason;
    },
    readTokens: async () => (await readJson(at(FILES.tokens), tokens, DELETE_IT)) ?? {},
    writeTokens: (value) => writeJson(FILES.tokens, value, SECRET),
    readPorts: async () => (await readJson(at(FILES.ports), ports, DELETE_IT)) ?? {},
    writePorts: (value) => writeJson(FILES.ports, value),
    readKnown: () => readJson(at(FILES.known), known, DELETE_IT),
    writeKnown: (value) => writeJson(FILES.known, value),
    readNames: async () => (await readJson(at(FILES.names), names, DELETE_IT)) ?? {},
    writeNames: (value) => writeJson(FILES.names, value),
    problem() {
      const [first] = waiting.values();
      return (
        first && `${folder} cannot be written (${first.why}): ${REMEDY}; waiting: ${[...waiting.keys()].join(', ')}`
      );
    },
    retry() {
      const again = turn.then(async () => {
        for (const [file, { content, mode }] of waiting) await writeNow(file, content, mode).catch(() => undefined);
      });
      turn = again;
      return again;
    },
    async clear() {
      waiting.clear();
      const left = await readdir(folder).catch(() => []);
      const ours = Object.values(FILES);
      // The folder itself stays: it may be a mount, or belong to the service manager.
      const mine = left.filter((file) => ours.some((name) => file === name || file.startsWith(`${name}.`)));
      for (const file of mine) await rm(at(file), { force: true });
    },
  };
}

const REMEDY =
  'what runs goes on, a restart of the agent would lose what waits, and it is written as soon as there is room';
const DELETE_IT = 'the agent makes it anew';

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readOwn(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Problem(
      `${path} cannot be read (${codeOf(error)}): it must be a plain file, and belong to the user that runs the agent.`,
    );
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T>, remedy: string): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Problem(`${path} is damaged (not JSON): ${remedy}.`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Problem(`${path} is damaged (${issue?.path.join('.') || 'top level'}: ${issue?.message}): ${remedy}.`);
}

/** An answer of Consul's DNS, and the end of its validity. */
export interface KnownName {
  /** DNS message (RFC 1035), base64. */
  message: string;
  /** Wall clock, ms, so that it means something after a restart. */
  askedAtMs: number;
  ttlMs: number;
}
