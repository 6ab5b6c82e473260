import { type Edge, failureOf, post } from './chain.ts';

/** `npm run fault`: calls that fail on request, through the same chain; prints what became of each. */
export async function fault(edge: Edge, say: (text: string) => void): Promise<void> {
  for (const [service, kind] of [
    ['add-svc', 'error'],
    ['add-svc', 'abort'],
    ['sub-svc', 'delay'],
  ] as const) {
    const answer = await post(edge, '/api/v1/test/fault', { service, kind, count: 4, delayMs: 200 });
    const failure = failureOf(answer);
    if (failure !== undefined) throw new Error(`fault ${kind} of ${service}: ${failure}`);
    say(`${service} ${kind}: ${JSON.stringify(answer.body)}`);
  }
}
