import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Value } from './parse-document.ts';
import { type Document, Unreadable, splitDocuments } from './split-documents.ts';

/** A file of Kubernetes objects, read as kubectl reads it. */
export interface Manifest {
  /** For messages. */
  file: string;
  text: string;
  documents: Document[];
}

export interface KubeValue {
  [field: string]: Value;
}

/** An object of a manifest; those of a List are objects of their own. */
export interface Found {
  object: KubeValue;
  kind: string;
  /** For messages: file and line of its document. */
  where: string;
}

/**
 * Reads files as `kubectl apply -f` does: `-` is standard input, a folder stands for its .yaml, .yml and .json files. Throws an
 * Error with one sentence that names file and line.
 */
export const readManifests = (paths: string[]): Manifest[] =>
  paths.flatMap(filesOf).map((file) => parseManifest(file === '-' ? 'standard input' : file, textOf(file)));

/** Throws an Error that names file and line. */
export function parseManifest(file: string, text: string): Manifest {
  try {
    const documents = splitDocuments(text);
    for (const { root, line } of documents) mustBeObject(root.value, `${file}, line ${line}`);
    return { file, text, documents };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Error(`${file}, line ${error.line}: ${error.message}${templateHint(text)}`, { cause: error });
  }
}

/** Every object, Lists unfolded as kubectl does. */
export function objectsOf(manifests: Manifest[]): Found[] {
  const found: Found[] = [];
  for (const { file, documents } of manifests)
    for (const { root, line } of documents)
      mapObjects(root.value as KubeValue, (object, kind) => {
        found.push({ object, kind, where: `${file}, line ${line}` });
        return object;
      });
  return found;
}

/** A document with each object changed. The objects are the `items` of Lists, also of Lists in Lists, and of a PodList without kinds. */
export function mapObjects(
  object: KubeValue,
  change: (object: KubeValue, kind: string) => KubeValue,
  kind = String(object['kind'] ?? ''),
): KubeValue {
  const { items } = object;
  if (!Array.isArray(items)) return change(object, kind);
  const ofItems = kind.replace(/List$/, '');
  return {
    ...object,
    items: items.map((item) =>
      isObject(item) ? mapObjects(item, change, String(item['kind'] ?? ofItems)) : (item as Value),
    ),
  };
}

export const isObject = (value: Value | undefined): value is KubeValue =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function mustBeObject(value: Value, where: string): void {
  if (!isObject(value)) throw new Error(`${where}: this is not a Kubernetes object but ${kindOfValue(value)}`);
  if (typeof value['kind'] !== 'string' || value['kind'] === '')
    throw new Error(
      `${where}: this is not a Kubernetes object, because it has no "kind": is it a file of values? Then render the chart first (helm template, landbridge manifests)`,
    );
  if (typeof value['apiVersion'] !== 'string' || value['apiVersion'] === '')
    throw new Error(`${where}: ${value['kind']} has no "apiVersion"`);
}

const kindOfValue = (value: Value): string =>
  Array.isArray(value) ? 'a list' : `the ${typeof value} "${String(value)}"`;

const templateHint = (text: string): string =>
  text.includes('{{') ? '. It looks like the template of a chart: render it first, for example with helm template' : '';

function filesOf(path: string): string[] {
  if (path === '-') return [path];
  if (/^https?:\/\//.test(path)) throw new Error(`${path}: give a file, or fetch it first: curl -sSf URL | ... -f -`);
  if (!stat(path).isDirectory()) return [path];
  const files = readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(path, name));
  if (files.length === 0) throw new Error(`the folder ${path} has no .yaml, .yml or .json file`);
  return files;
}

function stat(path: string): ReturnType<typeof statSync> & object {
  try {
    return statSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Text of a file in UTF-8, or in UTF-16 with a byte order mark, as PowerShell writes it. Throws an Error that names the file. */
export function textOf(file: string): string {
  try {
    const bytes = readFileSync(file === '-' ? 0 : file);
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
    if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
    return bytes.toString('utf8');
  } catch (error) {
    throw unreadable(file === '-' ? 'standard input' : file, error);
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
};

function unreadable(file: string, error: unknown): Error {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new Error(`${file} cannot be read: ${REASONS[code] ?? message}`);
}
