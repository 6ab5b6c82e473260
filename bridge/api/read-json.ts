import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { Refusal } from '../refusal.ts';

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
  const odd = ODD.test(text) ? oddString(value) : undefined;
  if (odd !== undefined) throw new Refusal('badJson', `the body holds ${odd}: send it without`);
  return checked(schema, value, 'the body');
}

/** Only bodies with these can hold what `oddString` looks for. */
const ODD = /\\u(?:d[89a-f]|005f)|__proto__/i;
const HALF_PAIR = /\p{Surrogate}/u;

/** Texts of JSON that neither UTF-8 nor an object can hold. They would be lost without a word. */
function oddString(value: unknown): string | undefined {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one === 'string' && HALF_PAIR.test(one)) return 'half of a surrogate pair, which no UTF-8 has';
    if (typeof one !== 'object' || one === null) continue;
    if (Object.hasOwn(one, '__proto__')) return 'a key __proto__';
    for (const [key, below] of Object.entries(one)) left.push(key, below);
  }
  return undefined;
}

/** The parameters behind the `?` that `schema` names, each at most once. Others are passed over. */
export function readQuery<T>(url: string, schema: z.ZodObject & z.ZodType<T>): T {
  const given = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
  const named = Object.keys(schema.shape).filter((key) => given.has(key));
  const twice = named.find((key) => given.getAll(key).length > 1);
  if (twice !== undefined) throw new Refusal('badRequest', `${twice}: is there twice: give it once`);
  return checked(schema, Object.fromEntries(named.map((key) => [key, given.get(key)])), 'the query');
}

/** Throws a Refusal that names the field and its problem; `whole`: the name of the whole. */
export function checked<T>(schema: z.ZodType<T>, value: unknown, whole: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue!.path.map(String).join('.') || whole;
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
