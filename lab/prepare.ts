import { type Engine, hostEngine, hostEngineAnswers } from './engine/engine.ts';
import { engineTools, installTools, labTools } from './host/debian-packages.ts';
import { ensureBaseRoot } from './images/base-root.ts';
import { type PublishedImages, pullPublished } from './images/published.ts';
import { nodeImageParts } from './node-image/assemble.ts';
import { holdsAssembled } from './node-image/ensure-node-image.ts';
import { ensureFolder, ensurePart, partIsCached } from './parts/ensure-part.ts';
import type { Part } from './parts/part.ts';
import { partWith, parts } from './parts/table.ts';
import type { Ahead } from './progress/left.ts';
import type { Progress } from './progress/progress.ts';
import { ensureVmRoot } from './vm/root.ts';

/** Downloaded in seconds, or nearly so; a start needs them wherever its images come from. */
const FETCHED = ['node', 'envoy', 'kind', 'kubectl'];
/** A start needs these as well where it builds the images of nodes and of Consul. */
const BUILT = ['consul', ...nodeImageParts];
/** Tests without a lab need these besides. */
const TESTED = ['etcd', 'kube-apiserver'];

/** Names of the parts that a start waits for; `published`: the engine holds the projects' own images. */
export const neededParts = (published: boolean): readonly string[] => (published ? FETCHED : [...FETCHED, ...BUILT]);

/** The steps of a start after its parts are there, with their seconds on two idle cores. */
const STEPS: Ahead[] = [
  { label: 'images', seconds: 15 },
  { label: 'kind cluster', seconds: 30 },
  { label: 'load images', seconds: 25 },
  { label: 'install Landbridge', seconds: 10 },
  { label: 'sample on pods and VMs', seconds: 18 },
];
const ROOTS: Ahead[] = [
  { label: 'vm-root', seconds: 60 },
  { label: 'base-root', seconds: 15 },
];

/**
 * Begins the downloads of a start, and makes the parts that its cluster needs. Gives the published images, when the user's own engine holds them now:
 * then nothing of Kubernetes, Consul and Envoy is built, and no part that only tests need is waited for. The downloads
 * that go on are awaited by their users, and each is made once.
 */
export async function prepareStart(progress: Progress): Promise<PublishedImages | undefined> {
  const docker = await installNeeded(progress);
  // Downloads, which go on beside everything below.
  const roots = Promise.all([ensureVmRoot(progress), ensureBaseRoot(progress)]);
  const fetched = ensureAll(FETCHED, progress);
  for (const work of [roots, fetched]) work.catch(() => undefined);
  const published = docker ? await publishedFor(hostEngine(), progress) : undefined;
  const needed = neededParts(published !== undefined);
  const wanted = needed.map((name) => partWith(name).part);
  announce(wanted, published === undefined, progress);
  // The cluster of published images begins at once; the machines and our own images wait for their parts by themselves.
  if (published === undefined) await Promise.all([ensureAll(needed, progress), fetched, roots]);
  return published;
}

/** An engine that has the assembled node image has no need to pull: the parts that it was made of are in the cache. */
async function publishedFor(engine: Engine, progress: Progress): Promise<PublishedImages | undefined> {
  return (await holdsAssembled(engine)) ? undefined : pullPublished(engine, progress);
}

/** Debian packages and then the parts of tests without a lab; `forTests`: every part. */
export async function prepare(progress: Progress, { forTests = false } = {}): Promise<void> {
  const docker = await installNeeded(progress);
  const names = [...FETCHED, 'consul', ...TESTED, ...(docker ? [] : nodeImageParts)];
  const wanted = forTests ? parts : names.map((name) => partWith(name).part);
  announce(wanted, false, progress);
  await Promise.all(wanted.map((part) => ensureFolder(part, progress)));
}

async function installNeeded(progress: Progress): Promise<boolean> {
  const docker = await hostEngineAnswers();
  await installTools(docker ? labTools : [...engineTools, ...labTools], progress);
  return docker;
}

/** All at once: Go builds are made one after the other, and downloads beside them. */
const ensureAll = (names: readonly string[], progress: Progress): Promise<string[]> =>
  Promise.all(names.map((name) => ensurePart(name, progress)));

/** How long a first start will take, so that nobody thinks it hangs. `assembles`: a node image comes after the parts. */
function announce(wanted: readonly Part[], assembles: boolean, progress: Progress): void {
  const absent = [...new Set(wanted)].filter((part) => !partIsCached(part));
  const making = absent.map(({ name, version, coldSeconds }) => ({
    label: `${name} ${version}`,
    seconds: coldSeconds,
  }));
  const assembling = assembles ? [{ label: 'node image', seconds: 60 }] : [];
  progress.expect(making.length === 0 ? [] : [...making, ...ROOTS, ...assembling, ...STEPS]);
  const minutes = Math.round(absent.reduce((sum, part) => sum + part.coldSeconds, 0) / 60);
  if (minutes === 0) return;
  progress.say(
    `${absent.length} parts are not in the cache: ${absent.map((part) => part.name).join(', ')}.\n` +
      `Making them takes about ${minutes} minutes on two idle cores and up to three times that on busy or slow ones, once.\n` +
      `An interrupted start goes on where it was.`,
  );
}
