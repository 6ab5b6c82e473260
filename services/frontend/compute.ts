import { parseExpression } from './expression.ts';
import type { Operator } from './expression.ts';
import type { Instance } from './instance.ts';
import { pointAt } from './point-at.ts';
import { errorReply, hopReply } from './reply.ts';
import type { Reply } from './reply.ts';
import { runProgram } from './run-program.ts';
import { execute } from './upstream.ts';
import type { Upstream } from './upstream.ts';

export interface Compute {
  readonly upstreams: Readonly<Record<Operator, Upstream>>;
  /** Sent along with every call. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Lists in the answer which instance served each call, in the order of the calls. */
  readonly trace: boolean;
}

/** In characters. */
export const maxExpressionLength = 4096;

/** Thrown out of the running program, because an answer is known before its end. */
class Answered extends Error {
  readonly reply: Reply;
  constructor(reply: Reply) {
    super('answered');
    this.reply = reply;
  }
}

/** Computes an expression: each + is a call to add-svc and each - a call to sub-svc. Never rejects on a bad expression or hop. */
export async function compute(expression: string, how: Compute): Promise<Reply> {
  if (expression.length > maxExpressionLength) {
    return errorReply(413, `an expression holds ${maxExpressionLength} characters at most`);
  }
  const parsed = parseExpression(expression);
  if ('error' in parsed) return badExpression(expression, parsed.error, parsed.position);
  const calls: Instance[] = [];
  const apply = async (operator: Operator, l: number, r: number, position: number) => {
    const upstream = how.upstreams[operator];
    const outcome = await execute(upstream, { l, r, headers: how.headers, signal: how.signal });
    if (outcome.kind === 'failed') throw new Answered(hopReply(upstream.service, outcome.cause, outcome.timedOut));
    // The operands were checked here, so the service can only refuse a result out of range.
    if (outcome.kind === 'refused') throw new Answered(badExpression(expression, outcome.error, position));
    calls.push(outcome.servedBy);
    return outcome.result;
  };
  try {
    const result = await runProgram(parsed.program, apply);
    return { status: 200, body: how.trace ? { result, calls } : { result } };
  } catch (error) {
    if (error instanceof Answered) return error.reply;
    throw error;
  }
}

function badExpression(expression: string, error: string, position: number): Reply {
  return errorReply(400, error, { position, lines: pointAt(expression, position) });
}
