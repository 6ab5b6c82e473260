import type { Engine } from '../engine/engine.ts';
import type { Progress } from '../progress/progress.ts';
import type { Image } from './image.ts';

/** Images of the projects themselves. An engine that reaches a registry pulls them, so that nothing of theirs is compiled. */
const IMAGES = {
  /** kind's own, of the Kubernetes minor that the lab builds elsewhere. */
  node: 'kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a',
  envoy: 'envoyproxy/envoy:v1.40.0',
  consul: 'hashicorp/consul:1.22.6',
};

/** The name of each image, as `docker pull` takes it. */
export type PublishedImages = Record<keyof typeof IMAGES, string>;

/** Longer than a registry takes that is there, and shorter than anybody waits for one that is not. */
const ASK_MS = 20_000;

/**
 * `LANDBRIDGE_LAB_REGISTRY` (`127.0.0.1:5000`, or `registry.example/mirror`) has them in the place of Docker Hub. It is
 * trusted as it is: the digest is Docker Hub's.
 */
export function publishedNames(registry = process.env['LANDBRIDGE_LAB_REGISTRY']): PublishedImages {
  if (registry === undefined || registry === '') return IMAGES;
  const there = (name: string): string => `${registry.replace(/\/$/, '')}/${name.replace(/@.*/, '')}`;
  return { node: there(IMAGES.node), envoy: there(IMAGES.envoy), consul: there(IMAGES.consul) };
}

/**
 * Pulls the published images into the user's own engine and gives their names. undefined: one cannot be pulled from
 * here, so everything is built from parts. The private engine has no network; its images are always built.
 */
export async function pullPublished(
  engine: Engine,
  progress: Progress,
  names = publishedNames(),
): Promise<PublishedImages | undefined> {
  if (engine.kind === 'private') return undefined;
  const absent: string[] = [];
  for (const name of Object.values(names)) if (!(await holdsImage(engine, name))) absent.push(name);
  if (absent.length === 0) return names;
  const task = progress.begin('published images');
  try {
    task.at('asking the registry');
    // A pull that has begun may take its time; whether it can begin is asked first.
    await Promise.all(absent.map((name) => engine.docker(askFor(name), { timeoutMs: ASK_MS })));
    task.at(`pulling ${absent.join(', ')}`);
    await Promise.all(absent.map((name) => engine.docker(['pull', '--quiet', name])));
  } catch (error) {
    const [, why = ''] = (error as Error).message.split('\n');
    task.done(`cannot be pulled from here, so they are built. ${why}`.trim());
    return undefined;
  }
  task.done('pulled, so that nothing of theirs is built');
  return names;
}

/** The image that manifests name by `tag`, with the content of a published one that the engine holds. */
export const fromPublished = (tag: string, name: string): Image => ({
  tag,
  dockerfile: `FROM ${name}\n`,
  context: {},
});

/** An engine speaks HTTP to a registry on loopback; its client needs a flag for that. */
const askFor = (name: string): string[] => [
  ...['manifest', 'inspect'],
  ...(/^(localhost|127\.)/.test(name) ? ['--insecure'] : []),
  name,
];

export async function holdsImage(engine: Engine, name: string): Promise<boolean> {
  return engine.docker(['image', 'inspect', '--format', '{{.Id}}', name]).then(
    () => true,
    () => false,
  );
}
