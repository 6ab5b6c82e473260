import { Readable } from 'node:stream';

/** User and password, as the variables LANDBRIDGE_REGISTRY_USER and LANDBRIDGE_REGISTRY_PASSWORD have them. */
export interface Credentials {
  user: string;
  password: string;
}

interface Question {
  headers?: Record<string, string>;
  /** A function where it is read from a file, so that it can be sent a second time. */
  body?: Buffer | (() => Readable);
}

/** A registry (https://github.com/opencontainers/distribution-spec), and the path in it that everything goes below. */
export interface Registry {
  host: string;
  /** The repository in the registry for one of our names. */
  path(name: string): string;
  ask(method: string, path: string, question?: Question): Promise<Response>;
}

/** `address` is `registry.example/team`. `plain` speaks HTTP: for a registry on this machine. */
export function connectRegistry(address: string, credentials?: Credentials, plain = false): Registry {
  const [host, ...below] = address.replace(/\/$/, '').split('/') as [string, ...string[]];
  const origin = `${plain ? 'http' : 'https'}://${host}`;
  /** The key is a scope: a registry gives a token for one repository. */
  const tokens = new Map<string, string>();
  const path = (name: string): string => [...below, name].join('/');

  async function ask(method: string, at: string, { headers = {}, body }: Question = {}): Promise<Response> {
    const url = new URL(at, origin);
    const scope = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url.pathname)?.[1] ?? '';
    const send = (): Promise<Response> => {
      const stream = typeof body === 'function';
      const authorization = url.origin === origin ? tokens.get(scope) : undefined;
      return fetch(url, {
        method,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(body === undefined ? {} : { body: stream ? (Readable.toWeb(body()) as never) : new Uint8Array(body) }),
        ...(stream ? { duplex: 'half' } : {}),
      } as RequestInit);
    };
    const first = await send();
    if (first.status !== 401 || url.origin !== origin) return first;
    const challenge = first.headers.get('www-authenticate') ?? '';
    await first.body?.cancel();
    tokens.set(scope, await authorizationFor(challenge, `repository:${scope}:pull,push`, credentials));
    return send();
  }
  return { host, path, ask };
}

/** The header that answers a challenge (https://distribution.github.io/distribution/spec/auth/token/). */
async function authorizationFor(challenge: string, scope: string, credentials?: Credentials): Promise<string> {
  const basic = credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  if (!/^bearer /i.test(challenge)) {
    if (basic === undefined)
      throw new Error('the registry wants a user: set LANDBRIDGE_REGISTRY_USER and LANDBRIDGE_REGISTRY_PASSWORD');
    return basic;
  }
  const told = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
  const url = new URL(told.realm ?? '');
  if (told.service !== undefined) url.searchParams.set('service', told.service);
  url.searchParams.set('scope', scope);
  const answer = await fetch(url, { headers: basic === undefined ? {} : { authorization: basic } });
  if (answer.status !== 200) throw await refused(`a token for ${scope}`, answer);
  const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
  return `Bearer ${token ?? access_token}`;
}

/** What to throw when a registry does not take something. */
export async function refused(what: string, answer: Response): Promise<Error> {
  const said = (await answer.text()).slice(0, 300);
  const remedy = answer.status === 401 || answer.status === 403 ? ': may this user write there?' : '';
  return new Error(`the registry refused ${what} (${answer.status} ${said})${remedy}`);
}
