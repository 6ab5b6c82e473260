import type { IncomingMessage } from 'node:http';
import { maxExpressionLength } from './compute.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';

export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly reply: Reply };

/** Room for the longest expression, escaped and wrapped in JSON. */
const maxBodyBytes = 2 * maxExpressionLength;

/**
 * JSON when the content type says so or the body begins like an object, which no expression does; the expression itself
 * otherwise, so that `curl -d '1+1'` works as it is.
 */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const text = await readText(request);
  if (text === undefined) return unreadable(413, `a body holds ${maxBodyBytes} bytes at most`);
  const json =
    /^application\/([\w.-]+\+)?json\b/i.test(request.headers['content-type'] ?? '') || text.trimStart().startsWith('{');
  if (!json) return { kind: 'text', text };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return unreadable(400, 'the body is not JSON');
  }
}

/** Undefined when it is too long. It is read to its end all the same: a client that is still sending hears no answer. */
async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? undefined : Buffer.concat(chunks).toString('utf8');
}

function unreadable(status: number, error: string): Body {
  return { kind: 'unreadable', reply: errorReply(status, error) };
}
