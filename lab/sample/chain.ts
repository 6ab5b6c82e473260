import http from 'node:http';
import https from 'node:https';

/** The seed's expression: thirteen additions, ten subtractions. */
export const EXPRESSION = '1+1+2+3+4+5+6-1-2-3-4-5-6+9+8-4-5';

/** The process that answered: a hop of the chain or one of the calls behind it. */
export interface Served {
  service: string;
  instance: string;
  platform: string;
  host: string;
  address: string;
}

export interface Answer {
  status: number;
  body: { result?: number; calls?: Served[]; error?: string; hop?: string; cause?: string };
  /** The hops that signed the answer, nearest to the client first. */
  hops: Served[];
  ms: number;
}

export interface Edge {
  host: string;
  port: number;
  /** The name to ask for. Default: the address. */
  name?: string;
  /** Over HTTPS, with certificates of this CA (PEM). Default: plain HTTP. */
  caPem?: string;
}

export const urlOf = ({ host, port, caPem }: Edge): string =>
  `${caPem === undefined ? 'http' : 'https'}://${host}:${port}`;

/** POST to the edge. Rejects when the edge itself cannot be reached. */
export function post(edge: Edge, path: string, body: object, agent?: http.Agent, timeoutMs = 20_000): Promise<Answer> {
  const started = performance.now();
  const { host, port, name, caPem } = edge;
  const { request: open } = caPem === undefined ? http : https;
  return new Promise((resolve, reject) => {
    const request = open(
      {
        host,
        port,
        ...(caPem === undefined ? {} : { ca: caPem, servername: name }),
        path,
        method: 'POST',
        agent,
        timeout: timeoutMs,
        headers: { 'content-type': 'application/json', 'x-trace': '1', ...(name === undefined ? {} : { host: name }) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: bodyOf(Buffer.concat(chunks).toString('utf8')),
            hops: hopsOf(response.headers['x-served-by']),
            ms: performance.now() - started,
          }),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.on('error', (error) => reject(new Error(`edge at ${edge.host}:${edge.port}: ${error.message}`)));
    request.end(JSON.stringify(body));
  });
}

export const compute = (edge: Edge, expression = EXPRESSION, agent?: http.Agent): Promise<Answer> =>
  post(edge, '/api/v1/compute', { expression }, agent);

/** Which hop failed and why; undefined when none did. */
export function failureOf({ status, body }: Answer, expected?: number): string | undefined {
  if (status !== 200) {
    const { hop = 'the chain', error = `HTTP ${status}`, cause } = body;
    return `${hop}: ${error}${cause === undefined ? '' : ` (${cause})`}, HTTP ${status}`;
  }
  if (expected !== undefined && body.result !== expected) return `the result is ${body.result}, not ${expected}`;
  return undefined;
}

function bodyOf(text: string): Answer['body'] {
  try {
    return JSON.parse(text) as Answer['body'];
  } catch {
    return { error: text.trim().slice(0, 200) || 'an empty answer' };
  }
}

/** `X-Served-By: service;instance;platform;host;address`, one a hop; the last signed is the nearest to the client. */
function hopsOf(header: string | string[] | undefined): Served[] {
  const values = (Array.isArray(header) ? header.join(',') : (header ?? ''))
    .split(',')
    .filter((value) => value.trim() !== '');
  return values
    .map((value) => {
      const [service = '', instance = '', platform = '', host = '', address = ''] = value.trim().split(';');
      return { service, instance, platform, host, address };
    })
    .reverse();
}
