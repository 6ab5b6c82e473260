import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MEDIA, beginLayout, endLayout, nameManifest, putBlob, putJson } from '../../release/images/layout.ts';
import { pushLayout } from '../../release/registry/push.ts';
import { connectRegistry } from '../../release/registry/registry.ts';
import { type ServedRegistry, serveRegistry } from '../support/real/registry.ts';

const SERVICE = 'registry.test';
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A registry whose tokens come from another server, as the public ones have it. */
describe('a push to a registry with tokens', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let folder: string;
  let tokens: Server;
  let served: ServedRegistry;
  const asked: string[] = [];

  function tokenFor(scope: string): string {
    const [type, name, actions] = scope.split(':') as [string, string, string];
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ iss: SERVICE, sub: 'release', aud: SERVICE, exp: now + 300, nbf: now - 10, iat: now, jti: randomUUID() },
      access: [{ type, name, actions: actions.split(',') }],
    };
    const body = `${base64url({ typ: 'JWT', alg: 'ES256', kid: 'one' })}.${base64url(claims)}`;
    const signature = sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${body}.${signature.toString('base64url')}`;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landbridge-token-test-'));
    tokens = createServer((request, response) => {
      const scope = new URL(request.url!, 'http://tokens').searchParams.get('scope')!;
      const [, basic = ''] = (request.headers.authorization ?? '').split(' ');
      const known = Buffer.from(basic, 'base64').toString() === 'release:right';
      asked.push(scope);
      response.writeHead(known ? 200 : 401).end(known ? JSON.stringify({ token: tokenFor(scope) }) : 'no such user');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => tokens.once('listening', resolve));
    const jwks = join(folder, 'jwks.json');
    const key = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
    await writeFile(jwks, JSON.stringify({ keys: [key] }));
    const realm = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
    served = await serveRegistry(join(folder, 'registry'), {
      token: { realm, service: SERVICE, issuer: SERVICE, jwks },
    });
    const layout = await beginLayout(join(folder, 'oci'));
    const config = await putBlob(layout, MEDIA.empty, Buffer.from('{}'));
    const layers = [await putBlob(layout, 'text/plain', Buffer.from('content'))];
    const document = { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers };
    nameManifest(layout, 'landbridge/thing:1.2.3', await putJson(layout, MEDIA.manifest, document));
    await endLayout(layout);
  });
  after(async () => {
    served?.stop();
    tokens.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('asks for one token for a repository, and everything arrives; a second push sends no blob', async () => {
    const registry = connectRegistry(`${served.host}/team`, { user: 'release', password: 'right' }, true);
    const name = `${served.host}/team/landbridge/thing:1.2.3`;
    expect(await pushLayout(join(folder, 'oci'), registry)).to.deep.equal([name]);
    expect(new Set(asked)).to.deep.equal(new Set(['repository:team/landbridge/thing:pull,push']));
    expect(asked).to.have.length(1);
    const answer = await registry.ask('GET', '/v2/team/landbridge/thing/manifests/1.2.3', {
      headers: { accept: MEDIA.manifest },
    });
    const { layers } = (await answer.json()) as { layers: { digest: string }[] };
    const blob = await registry.ask('GET', `/v2/team/landbridge/thing/blobs/${layers[0]!.digest}`);
    expect(await blob.text()).to.equal('content');
    const methods: string[] = [];
    const watched = {
      ...registry,
      ask: (...[method, ...rest]: Parameters<typeof registry.ask>) => (
        methods.push(method),
        registry.ask(method, ...rest)
      ),
    };
    await pushLayout(join(folder, 'oci'), watched);
    expect(methods).not.to.include('POST');
  });

  it('is refused in one sentence with a wrong password, and without any', async () => {
    const push = (credentials?: { user: string; password: string }): Promise<string> =>
      pushLayout(join(folder, 'oci'), connectRegistry(`${served.host}/team`, credentials, true)).then(
        () => 'pushed',
        (error: Error) => error.message,
      );
    const wrong = await push({ user: 'release', password: 'wrong' });
    expect(wrong).to.match(/refused a token for .*\(401 no such user\): may this user write there\?$/);
    expect(await push()).to.match(/401/);
  });
});
