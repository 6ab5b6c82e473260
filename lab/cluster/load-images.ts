import { load as parseYaml } from 'js-yaml';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterName, kindConfig } from './cluster.ts';
import type { Engine } from '../engine/engine.ts';
import { diskDirectory } from '../paths.ts';
import type { Progress } from '../progress/progress.ts';

const containerdMs = 120_000;

/**
 * Copies images the engine holds into the workers; pods ask for them with imagePullPolicy Never or IfNotPresent. To be
 * called when the cluster is being made: it waits for the workers' containerd, two minutes at most, but not for
 * Kubernetes. The images are read once and handed to all workers at the same time; `kind load` does one after another.
 */
export async function loadImages(engine: Engine, images: readonly string[], progress: Progress): Promise<void> {
  const task = progress.begin('load images into the nodes');
  const archive = join(diskDirectory, `images-${process.pid}.tar`);
  mkdirSync(diskDirectory, { recursive: true });
  try {
    const [nodes] = await Promise.all([workers(engine), engine.docker(['save', '--output', archive, ...images])]);
    await Promise.all(nodes.map((node) => load(engine, node, archive)));
  } catch (error) {
    task.failed('');
    throw error;
  } finally {
    rmSync(archive, { force: true });
  }
  task.done(`${images.length} images`);
}

async function load(engine: Engine, node: string, archive: string): Promise<void> {
  const ctr = 'ctr --namespace=k8s.io images import --digests --snapshotter=overlayfs -';
  await engine.run('sh', ['-c', `exec docker exec -i "$1" ${ctr} <"$2"`, 'load', node, archive]);
}

/** The workers of the cluster, once all run a containerd. */
async function workers(engine: Engine): Promise<string[]> {
  const filters = [`io.x-k8s.kind.cluster=${clusterName}`, 'io.x-k8s.kind.role=worker'];
  const list = ['ps', '--format', '{{.Names}}', ...filters.flatMap((label) => ['--filter', `label=${label}`])];
  const wanted = workersIn(readFileSync(kindConfig, 'utf8'));
  const deadline = Date.now() + containerdMs;
  for (;;) {
    const names = (await engine.docker(list)).split('\n').filter((name) => name !== '');
    const up = await Promise.all(names.map((name) => hasContainerd(engine, name)));
    if (names.length === wanted && up.every(Boolean)) return names;
    if (Date.now() > deadline) throw new Error(`no containerd in the nodes: ${names.join(', ') || 'no node is up'}`);
    await sleep(500);
  }
}

async function hasContainerd(engine: Engine, node: string): Promise<boolean> {
  return engine.docker(['exec', node, 'ctr', 'version']).then(
    () => true,
    () => false,
  );
}

/** How many workers a kind configuration asks for. */
export function workersIn(yaml: string): number {
  const { nodes = [] } = parseYaml(yaml) as { nodes?: { role: string }[] };
  return nodes.filter(({ role }) => role === 'worker').length;
}
