import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { Refusal } from './refusal.ts';

export const MAX_BODY_BYTES = 256 * 1024;

/** The body of a request, checked against `schema`. Throws a Refusal that names the field and what is wrong with it. */
export async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(request);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('badJson', 'the body is not JSON: send one JSON object in UTF-8');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue!.path.map(String).join('.') || 'the body';
  const more = parsed.error.issues.length > 1 ? ` (and ${parsed.error.issues.length - 1} more)` : '';
  throw new Refusal('badRequest', `${where}: ${issue!.message}${more}`.slice(0, 500));
}

/** Not by async iteration: leaving that early destroys the connection, and the refusal would never arrive. */
function readText(request: IncomingMessage): Promise<string> {
  // Made when it is thrown: the stack of an Error costs more than the rest of a beat's reading.
  const tooLarge = (): Refusal =>
    new Refusal('bodyTooLarge', `the body is larger than ${MAX_BODY_BYTES} bytes: send less at once`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let whole = false;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) return void chunks.push(chunk);
      request.pause();
      request.removeAllListeners('data');
      reject(tooLarge());
    });
    request.once('end', () => {
      whole = true;
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    request.once('error', reject);
    request.once('close', () => {
      if (!whole) reject(new Refusal('bodyCutShort', 'the connection ended before the body did: send it again'));
    });
  });
}
