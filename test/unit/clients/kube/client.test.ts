import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { KubeError } from '../../../../clients/kube/errors.ts';
import { meshServices, pods, secrets } from '../../../../clients/kube/resources.ts';
import { json, startScriptedServer, status, type ScriptedServer, type Step } from './scripted-server.ts';

async function failureOf(work: Promise<unknown>): Promise<KubeError> {
  try {
    await work;
  } catch (error) {
    return error as KubeError;
  }
  throw new Error('it did not fail');
}

describe('kube client', () => {
  let server: ScriptedServer;
  let answer: Step;

  beforeEach(async () => (server = await startScriptedServer((request, response) => answer(request, response))));
  afterEach(() => server.close());

  for (const [code, reason, kind] of [
    [400, 'BadRequest', 'fix'],
    [403, 'Forbidden', 'fix'],
    [404, 'NotFound', 'fix'],
    [409, 'Conflict', 'retry'],
    [410, 'Expired', 'retry'],
    [422, 'Invalid', 'fix'],
    [429, 'TooManyRequests', 'wait'],
    [500, 'InternalError', 'retry'],
    [503, 'ServiceUnavailable', 'retry'],
  ] as const) {
    it(`turns ${code} ${reason} into an error to ${kind}`, async () => {
      answer = (_request, response) => status(response, code, reason, 'because');
      const error = await failureOf(server.client.request('GET', '/api/v1/pods'));
      expect(error).to.be.instanceOf(KubeError);
      expect(error).to.include({ code, reason, kind, message: `GET /api/v1/pods: ${code} ${reason}: because` });
    });
  }

  it('passes on when the server wants to be asked again', async () => {
    answer = (_request, response) =>
      json(response, 429, { kind: 'Status', reason: 'TooManyRequests' }, { 'Retry-After': '3' });
    expect(await failureOf(server.client.request('GET', '/'))).to.include({ kind: 'wait', retryAfterMs: 3000 });
  });

  it('waits for a namespace that is going away, although the server says Forbidden', async () => {
    const details = { causes: [{ reason: 'NamespaceTerminating', message: 'shop is being terminated' }] };
    answer = (_request, response) => json(response, 403, { kind: 'Status', code: 403, reason: 'Forbidden', details });
    expect(await failureOf(server.client.request('POST', '/'))).to.include({ code: 403, kind: 'wait' });
  });

  it('gives the words of a proxy that answers in place of the API server', async () => {
    answer = (_request, response) => response.writeHead(502).end('<h1>bad gateway</h1>');
    const error = await failureOf(server.client.request('GET', '/api'));
    expect(error).to.include({ kind: 'retry', message: 'GET /api: 502 InternalError: <h1>bad gateway</h1>' });
  });

  it('says that an answer is not JSON', async () => {
    answer = (_request, response) => response.end('<html>');
    expect(await failureOf(server.client.request('GET', '/api'))).to.include({
      code: 0,
      reason: 'BadResponse',
      kind: 'retry',
    });
  });

  it('gives up on an answer that does not come in time, its body included', async () => {
    answer = (_request, response) => void response.writeHead(200).write('{"half":');
    const error = await failureOf(server.client.request('GET', '/api', { timeoutMs: 50 }));
    expect(error).to.include({ reason: 'Timeout', kind: 'retry', message: 'GET /api: no answer within 50 ms' });
  });

  it('waits at most as long as the client was set, unless the request sets a limit of its own', async () => {
    answer = () => undefined;
    const hasty = server.waiting(30);
    expect((await failureOf(hasty.request('GET', '/api'))).message).to.equal('GET /api: no answer within 30 ms');
    const patient = await failureOf(hasty.request('GET', '/api', { timeoutMs: 60 }));
    expect(patient.message).to.equal('GET /api: no answer within 60 ms');
  });

  it('throws the reason of the signal when the caller gives up', async () => {
    answer = () => controller.abort(new Error('enough'));
    const controller = new AbortController();
    const error = await failureOf(server.client.request('GET', '/api', { signal: controller.signal }));
    expect(error.message).to.equal('enough');
  });

  it('leaves nothing behind on a signal that outlives many requests, and no warning of a leak', async () => {
    answer = (_request, response) => json(response, 200, {});
    const warnings: Error[] = [];
    const warn = (warning: Error) => void warnings.push(warning);
    process.on('warning', warn);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 40 }, () => server.client.request('GET', '/', { signal })));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
    expect(warnings).to.deep.equal([]);
  });

  it('names a server that cannot be reached', async () => {
    await server.close();
    const error = await failureOf(server.client.request('GET', '/api'));
    expect(error).to.include({ code: 0, reason: 'Unreachable', kind: 'retry' });
    expect(error.message).to.contain('ECONNREFUSED');
  });

  it('repeats a read, a replace and a delete on a fresh connection when the kept one was closed, but not a create', async () => {
    const closing = new Set<string>();
    answer = (request, response) => {
      if (closing.delete(request.method)) response.socket?.resetAndDestroy();
      else json(response, 200, {});
    };
    for (const method of ['GET', 'PUT', 'DELETE']) {
      await server.client.request('GET', '/');
      closing.add(method);
      expect(await server.client.request(method, '/')).to.deep.equal({});
    }
    await server.client.request('GET', '/');
    closing.add('POST');
    expect(await failureOf(server.client.request('POST', '/'))).to.include({ reason: 'Unreachable' });
  });

  it('does not repeat what fails on a connection of its own', async () => {
    answer = (_request, response) => void response.socket?.resetAndDestroy();
    expect(await failureOf(server.client.request('GET', '/'))).to.include({ reason: 'Unreachable' });
    expect(server.seen).to.have.length(1);
  });

  it('sees a body that is cut short', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{"items":[', () => response.destroy());
    };
    expect(await failureOf(server.client.list(pods))).to.include({ reason: 'Unreachable', kind: 'retry' });
  });

  it('gives undefined for what is not there, and false when there was nothing to delete', async () => {
    answer = (_request, response) => status(response, 404, 'NotFound');
    expect(await server.client.get(pods, 'a', 'shop')).to.equal(undefined);
    expect(await server.client.delete(pods, 'a', 'shop')).to.equal(false);
  });

  it('puts the pages of a list together', async () => {
    answer = (request, response) => {
      const next = request.query.get('continue') === 'two' ? undefined : 'two';
      json(response, 200, {
        metadata: { resourceVersion: '8', continue: next },
        items: [{ metadata: { name: next ?? 'one' } }],
      });
    };
    const { items, resourceVersion } = await server.client.list(pods, {
      namespace: 'shop',
      labelSelector: 'app in (a,b)',
    });
    expect(items.map((one) => one.metadata.name)).to.deep.equal(['two', 'one']);
    expect(resourceVersion).to.equal('8');
    expect(server.seen.map((one) => one.path)).to.deep.equal(Array(2).fill('/api/v1/namespaces/shop/pods'));
    expect(server.seen[1]!.query.get('labelSelector')).to.equal('app in (a,b)');
  });

  it('asks for the whole list at once when its pages expire under it', async () => {
    const page = (next?: string) => ({
      metadata: { resourceVersion: '8', continue: next },
      items: [{ metadata: { name: 'a' } }],
    });
    answer = (request, response) => {
      if (request.query.has('continue')) status(response, 410, 'Expired');
      else json(response, 200, page(request.query.has('limit') ? 'two' : undefined));
    };
    expect((await server.client.list(pods)).items).to.have.length(1);
    expect(server.seen.map((one) => one.query.get('limit'))).to.deep.equal(['500', '500', null]);
  });

  it('asks for metadata only by content negotiation', async () => {
    answer = (_request, response) => json(response, 200, { metadata: { resourceVersion: '1' }, items: [] });
    await server.client.list(secrets, { metadataOnly: true });
    expect(server.seen[0]!.headers.accept).to.equal('application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
  });

  it('never takes an answer without a version for a list', async () => {
    answer = (_request, response) => json(response, 200, { items: [] });
    expect(await failureOf(server.client.list(pods))).to.include({ reason: 'BadResponse' });
  });

  it('applies as landbridge and by force, with the kind of the resource', async () => {
    answer = (_request, response) => json(response, 200, {});
    await server.client.apply(meshServices, { metadata: { name: 'a', namespace: 'shop' }, spec: {} });
    const [request] = server.seen;
    expect(request).to.include({
      method: 'PATCH',
      path: '/apis/landbridge.dev/v1alpha1/namespaces/shop/meshservices/a',
    });
    expect(Object.fromEntries(request!.query)).to.deep.equal({ fieldManager: 'landbridge', force: 'true' });
    expect(request!.headers['content-type']).to.equal('application/apply-patch+yaml');
    expect(JSON.parse(request!.body)).to.include({ apiVersion: 'landbridge.dev/v1alpha1', kind: 'MeshService' });
  });

  it('refuses to replace without a version and to touch a namespaced object without a namespace, sending nothing', async () => {
    const nameless = await failureOf(server.client.get(pods, 'a'));
    expect(nameless).to.include({ reason: 'BadRequest', kind: 'fix' });
    const blind = await failureOf(server.client.replace(pods, { metadata: { name: 'a', namespace: 'b' } }));
    expect(blind).to.include({ reason: 'BadRequest', kind: 'fix' });
    expect(server.seen).to.have.length(0);
  });

  it('keeps names from leaving their place in the path', async () => {
    answer = (_request, response) => status(response, 404, 'NotFound');
    await server.client.get(pods, '../secrets/a?b', 'shop');
    expect(server.seen[0]!.path).to.equal('/api/v1/namespaces/shop/pods/..%2Fsecrets%2Fa%3Fb');
  });
});
