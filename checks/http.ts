import { request } from 'node:http';

export interface HttpAnswer {
  /** 2xx or 3xx. */
  ok: boolean;
  status: number;
  statusMessage: string;
}

/** GET over a connection of its own; no redirect is followed. Rejects without an answer, and when the signal aborts. */
export function askHttp(
  at: { host: string; port: number; path: string; headers?: Record<string, string> },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...at, signal, agent: false }, (response) => {
      const { statusCode: status = 0, statusMessage = '' } = response;
      // The status is the answer: a large or endless body is not waited for.
      asked.destroy();
      resolve({ ok: status >= 200 && status < 400, status, statusMessage });
    });
    asked.on('error', reject);
    asked.end();
  });
}
