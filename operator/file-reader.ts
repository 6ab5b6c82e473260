import { readFileSync } from 'node:fs';

/** The kubelet brings a changed Secret within about a minute, so a few seconds more do not count. */
const FRESH_MS = 5000;

/**
 * Reads the files of a folder, each at most once in five seconds however often it is asked for: a Secret that is
 * changed under a running pod takes effect without a restart, and a request costs no file access. Surrounding white
 * space is dropped. Throws as readFileSync does.
 */
export function fileReader(folder: string, nowMs: () => number): (name: string) => string {
  const read = new Map<string, { text: string; atMs: number }>();
  return (name) => {
    const known = read.get(name);
    if (known !== undefined && nowMs() - known.atMs < FRESH_MS) return known.text;
    const text = readFileSync(`${folder}/${name}`, 'utf8').trim();
    read.set(name, { text, atMs: nowMs() });
    return text;
  };
}
