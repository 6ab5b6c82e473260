import type { KubeError } from '../errors.ts';
import { errorOfTransport } from '../errors.ts';
import { createLineSplitter } from './line-splitter.ts';
import type { KubeObject } from '../object.ts';

/** For ERROR `object` is a `Status`; for BOOKMARK it holds nothing but `metadata.resourceVersion`. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
}

/** etcd refuses objects above 1.5 MiB; escaping and the envelope leave a margin. */
const defaultMaxLineBytes = 8 * 1024 * 1024;

/**
 * The events of a watch body, in order, as soon as each is whole. An event cut short by the end of the stream is left
 * out: it comes again from the last version seen. Throws KubeError `BadResponse` for a line that does not hold an event.
 */
export async function* watchEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes = defaultMaxLineBytes,
): AsyncGenerator<WatchEvent> {
  const splitter = createLineSplitter(maxLineBytes);
  for await (const chunk of chunks) {
    for (const line of linesOf(splitter.push, chunk)) yield parseEvent(line);
  }
}

function linesOf(push: (chunk: Uint8Array) => string[], chunk: Uint8Array): string[] {
  try {
    return push(chunk);
  } catch (error) {
    throw badStream((error as Error).message);
  }
}

function parseEvent(line: string): WatchEvent {
  let event: Partial<WatchEvent> | null;
  try {
    event = JSON.parse(line) as Partial<WatchEvent> | null;
  } catch {
    throw badStream('a line is not JSON');
  }
  if (typeof event?.type !== 'string' || typeof event.object !== 'object' || event.object === null) {
    throw badStream('a line is not a watch event');
  }
  return event as WatchEvent;
}

/** The line itself stays out of the message: it may be a Secret. */
function badStream(message: string): KubeError {
  return errorOfTransport('watch', 'BadResponse', message);
}
