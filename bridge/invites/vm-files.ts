import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that the bridge serves to machines that are to join. */
interface VmFile {
  /** `landbridge.mjs`, `node-linux-ARCH` or `envoy-linux-ARCH`; ARCH as Node calls it, x64 or arm64. */
  name: string;
  path: string;
  /** Bytes. */
  size: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface VmFiles {
  /** Keyed by name; empty when no architecture is whole. Read once: the files of an image never change. */
  list(): Promise<VmFile[]>;
}

export interface VmFilesOptions {
  /** Holds `envoy-linux-ARCH`, and `node-linux-ARCH` of architectures other than this process's. Need not be there. */
  folder: string;
  /** This process's own Node, and its architecture. */
  node: { path: string; arch: string };
  /** The `landbridge` program, one file; undefined when this process runs from its source. */
  bundle: string | undefined;
}

const PROGRAM = 'landbridge.mjs';

/** The files that a machine needs to join, for each architecture that has both Node and Envoy. */
export function openVmFiles(options: VmFilesOptions): VmFiles {
  let listed: Promise<VmFile[]> | undefined;
  return {
    list() {
      listed ??= readAll(options).catch((error: unknown) => {
        listed = undefined;
        throw error;
      });
      return listed;
    },
  };
}

async function readAll({ folder, node, bundle }: VmFilesOptions): Promise<VmFile[]> {
  const paths = new Map<string, string>([[`node-linux-${node.arch}`, node.path]]);
  if (bundle !== undefined) paths.set(PROGRAM, bundle);
  for (const name of await readdir(folder).catch(() => []))
    if (name === PROGRAM || /^(node|envoy)-linux-(x64|arm64)$/.test(name)) paths.set(name, join(folder, name));
  const whole = ['x64', 'arm64'].filter((arch) => paths.has(`node-linux-${arch}`) && paths.has(`envoy-linux-${arch}`));
  if (whole.length === 0 || !paths.has(PROGRAM)) return [];
  const names = [PROGRAM, ...whole.flatMap((arch) => [`node-linux-${arch}`, `envoy-linux-${arch}`])];
  return Promise.all(names.sort().map((name) => describe(name, paths.get(name)!)));
}

async function describe(name: string, path: string): Promise<VmFile> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return { name, path, size: (await stat(path)).size, sha256: hash.digest('hex') };
}
