import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, lstat, mkdir, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** An image and what `docker build` makes it from. */
export interface Image {
  /** Its name in manifests. The name is the same for every content, so `imagePullPolicy: IfNotPresent` finds it. */
  tag: string;
  /** Text of the Dockerfile. */
  dockerfile: string;
  /** The context: path in it to the absolute path of a file or folder of the host. */
  context: Record<string, string>;
  /** Build arguments. */
  args?: Record<string, string>;
  /** The stage to build; default: the last. */
  target?: string;
  /** Images that its Dockerfile builds on: theirs are built first, and theirs being other makes it another. */
  on?: readonly Image[];
}

/** Digests of images that were made already; for one run, in which no file changes. */
export type KnownDigests = Map<Image, Promise<string>>;

/** SHA-256 in hexadecimal of everything that decides what is in the image. */
export function digestOf(image: Image, known: KnownDigests = new Map()): Promise<string> {
  const digest = known.get(image) ?? makeDigest(image, known);
  known.set(image, digest);
  return digest;
}

async function makeDigest(image: Image, known: KnownDigests): Promise<string> {
  const { dockerfile, context, args = {}, target, on = [] } = image;
  const hash = createHash('sha256').update(JSON.stringify([dockerfile, args, target]));
  for (const base of on) hash.update(await digestOf(base, known));
  for (const [path, source] of Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1)))
    for await (const file of filesOf(source, path)) {
      hash.update(`\0${file.path}\0${file.kind}\0`);
      if (file.kind.startsWith('link')) continue;
      for await (const piece of createReadStream(file.source, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
    }
  return hash.digest('hex');
}

/** Lays the context out below the empty folder `into`, as links to the same bytes where the file system can. */
export async function layOut({ dockerfile, context }: Image, into: string): Promise<void> {
  await writeFile(join(into, 'Dockerfile'), dockerfile);
  for (const [path, source] of Object.entries(context))
    for await (const file of filesOf(source, path)) {
      const to = join(into, file.path);
      await mkdir(dirname(to), { recursive: true });
      if (file.kind.startsWith('link')) await symlink(await readlink(file.source), to);
      else await link(file.source, to).catch(() => copyFile(file.source, to));
    }
}

interface File {
  /** In the context. */
  path: string;
  source: string;
  /** `file 755` and the like, or `link TARGET`. */
  kind: string;
}

/** A file, or all files below a folder, in the order of their names. */
async function* filesOf(source: string, path: string, named = true): AsyncGenerator<File> {
  const info = await (named ? stat(source) : lstat(source));
  if (info.isDirectory())
    for (const name of (await readdir(source)).sort()) yield* filesOf(join(source, name), join(path, name), false);
  else if (info.isSymbolicLink()) yield { path, source, kind: `link ${await readlink(source)}` };
  else yield { path, source, kind: `file ${(info.mode & 0o777).toString(8)}` };
}
