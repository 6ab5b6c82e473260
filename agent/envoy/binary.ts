import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';

import { Problem, messageOf } from '../../base/problem.ts';

/** The identity of a program file, apart from its path. A replaced file has another one. */
export type Binary = string;

/** Follows symbolic links. undefined: the file is missing. */
export async function binaryAt(path: string): Promise<Binary | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
}

export interface EnvoyVersion {
  /** `1.40.0`. */
  version: string;
  /** Processes with the same one can take over from each other. */
  hotRestart: string;
}

const PATIENCE_MS = 10_000;

/** The version that the Envoy at this path prints. Throws a Problem when it does not run here. */
export async function envoyVersionAt(path: string): Promise<EnvoyVersion> {
  const ask = async (flag: string): Promise<string> => {
    const { stdout, stderr } = await promisify(execFile)(path, [flag], { timeout: PATIENCE_MS });
    // The one is printed there, the other here.
    return `${stdout}${stderr}`.trim();
  };
  try {
    const version = versionIn(await ask('--version'));
    if (version === undefined) throw new Problem('it does not give its version as Envoy does');
    return { version, hotRestart: await ask('--hot-restart-version') };
  } catch (error) {
    throw new Problem(`The program at ${path} is not an Envoy that runs here: ${messageOf(error).split('\n')[0]}.`);
  }
}

/** Envoy names itself `COMMIT/1.40.0/Clean/RELEASE/BoringSSL`. */
export const versionIn = (text: string): string | undefined => /\/(\d+\.\d+\.\d+[^/]*)\//.exec(text)?.[1];
