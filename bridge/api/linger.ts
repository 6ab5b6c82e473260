import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_BODY_BYTES } from './read-json.ts';

/** For whoever still sends after it was answered, ms. */
const LINGER_MS = 1000;

/**
 * Ends an answer whose request may not have been read. A socket that is closed while bytes of the other side lie in it
 * resets the connection, and then the answer is lost for who sends all before reading; so that the rest is read and
 * thrown away for a while, see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
export function endWhenRead(request: IncomingMessage, response: ServerResponse, text: string): void {
  if (request.complete) return void response.end(text);
  response.write(text);
  let left = MAX_BODY_BYTES;
  const end = (): void => {
    clearTimeout(patience);
    response.end();
  };
  const patience = setTimeout(end, LINGER_MS);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) end();
  });
  request.once('end', end);
  request.once('close', end);
  request.resume();
}
