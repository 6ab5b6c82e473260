import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePart } from '../../../lab/parts/ensure-part.ts';
import { silent } from '../../../lab/progress/progress.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from './consul-ports.ts';

export interface ServedRegistry {
  /** `127.0.0.1:PORT`. */
  host: string;
  stop(): void;
}

/** The registry of the Distribution project on loopback. `auth` is that part of its configuration; without it everybody may read and write. */
export async function serveRegistry(folder: string, auth?: object): Promise<ServedRegistry> {
  const [port] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  await mkdir(folder, { recursive: true });
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'storage') } },
    http: { addr: host },
    ...(auth === undefined ? {} : { auth }),
  };
  // JSON is YAML.
  await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
  const registry = spawn(await ensurePart('registry', silent), ['serve', join(folder, 'config.yaml')], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  try {
    await eventually(
      'the registry answers',
      20_000,
      async () => (await fetch(`http://${host}/v2/`)).status === (auth === undefined ? 200 : 401),
    );
  } catch (error) {
    registry.kill();
    throw error;
  }
  return { host, stop: () => void registry.kill() };
}
