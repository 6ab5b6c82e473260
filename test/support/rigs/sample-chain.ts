import { startSample } from './sample-process.ts';
import type { SampleProcess } from './sample-process.ts';

/** The sample without a mesh: each process calls the next one directly. */
export interface SampleChain {
  readonly edge: SampleProcess;
  readonly gateway: SampleProcess;
  readonly frontend: SampleProcess;
  readonly add: SampleProcess;
  readonly sub: SampleProcess;
}

/** `frontendEnv` adds to the frontend's environment. */
export async function startChain(frontendEnv: Record<string, string> = {}): Promise<SampleChain> {
  const [add, sub] = await Promise.all([startSample('add-svc'), startSample('sub-svc')]);
  const frontend = await startSample('frontend', { ADD_SVC_ADDR: add.url, SUB_SVC_ADDR: sub.url, ...frontendEnv });
  const gateway = await startSample('api-gateway', { FRONTEND_ADDR: frontend.url });
  const edge = await startSample('edge', { API_GATEWAY: `127.0.0.1:${gateway.port}` });
  return { edge, gateway, frontend, add, sub };
}

/** Posts JSON, or text as it is, and returns the answer read to its end. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  const answer = await fetch(url, { method: 'POST', body: text, headers: { 'content-type': type, ...headers } });
  const read = await answer.text();
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test says what it expects in it
  const json = read.startsWith('{') ? (JSON.parse(read) as any) : undefined;
  return { status: answer.status, headers: answer.headers, text: read, json };
}
