import { table } from '../../cli/table.ts';
import { EXPRESSION, type Answer, type Edge, type Served, compute, failureOf } from './chain.ts';

export const EXPECTED = 9;

/** Clicks until the chain answers 9 or `deadlineMs` is over; then throws which hop failed last, and why. */
export async function firstClick(edge: Edge, deadlineMs: number): Promise<Answer> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    let failure: string | undefined;
    try {
      const answer = await compute(edge);
      failure = failureOf(answer, EXPECTED);
      if (failure === undefined) return answer;
    } catch (error) {
      failure = (error as Error).message;
    }
    if (performance.now() > until) throw new Error(`the click failed: ${failure}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** `npm run click`: `count` clicks, and the number of calls that each instance served. */
export async function click(edge: Edge, say: (text: string) => void, count = 10): Promise<void> {
  const answers: Answer[] = [await firstClick(edge, 60_000)];
  while (answers.length < count) {
    const answer = await compute(edge);
    const failure = failureOf(answer, EXPECTED);
    if (failure !== undefined) throw new Error(`click ${answers.length + 1} of ${count} failed: ${failure}`);
    answers.push(answer);
  }
  say(`POST http://${edge.host}:${edge.port}/api/v1/compute ${EXPRESSION}`);
  say(
    `{"result":${answers[0]!.body.result}}  ${count} times, ${Math.round(median(answers.map(({ ms }) => ms)))} ms median\n`,
  );
  say(servedTable(answers));
}

/** One line an instance, in the order of the chain. */
function servedTable(answers: Answer[]): string {
  const counts = new Map<string, { served: Served; calls: number }>();
  const order: string[] = [];
  for (const served of answers.flatMap(({ hops, body }) => [...hops, ...(body.calls ?? [])])) {
    const key = `${served.service} ${served.instance} ${served.address}`;
    if (!order.includes(served.service)) order.push(served.service);
    const entry = counts.get(key) ?? { served, calls: 0 };
    counts.set(key, { ...entry, calls: entry.calls + 1 });
  }
  const rows = [...counts.values()]
    .sort(
      (a, b) =>
        order.indexOf(a.served.service) - order.indexOf(b.served.service) ||
        (a.served.instance < b.served.instance ? -1 : 1),
    )
    .map(({ served, calls }) => [
      served.service,
      served.instance,
      served.platform,
      served.host,
      served.address,
      `${calls}`,
    ]);
  return table(['SERVICE', 'INSTANCE', 'RUNS AS', 'ON', 'ADDRESS', 'SERVED'], rows);
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
