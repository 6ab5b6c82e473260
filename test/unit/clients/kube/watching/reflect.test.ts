import { expect } from 'chai';
import type http from 'node:http';
import type { Clock } from '../../../../../base/clock.ts';
import type { KubeObject } from '../../../../../clients/kube/object.ts';
import { reflect, type Reflector } from '../../../../../clients/kube/watching/reflect.ts';
import { pods } from '../../../../../clients/kube/resources.ts';
import { json, startScriptedServer, status, until, type ScriptedServer, type Seen } from '../scripted-server.ts';

interface Trimmed {
  version: string;
  app: string;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

function pod(name: string, resourceVersion: string, app = 'web'): KubeObject {
  return { metadata: { name, namespace: 'shop', resourceVersion, labels: { app } }, spec: { filler: 'x'.repeat(100) } };
}

function listOf(resourceVersion: string, items: KubeObject[], next?: string) {
  return { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion, continue: next }, items };
}

function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

/** A clock whose waits are remembered and take no longer than 1 ms. */
function quickClock(): Pick<Clock, 'steady' | 'wait'> & { waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    steady: () => performance.now(),
    wait: (ms) => {
      waits.push(ms);
      return new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

interface Scene {
  server: ScriptedServer;
  reflector: Reflector<Trimmed, 'app'>;
  /** `+key@version`, `~key@version`, `-key@version`, in order. */
  changes: string[];
  clock: ReturnType<typeof quickClock>;
  lists(): Seen[];
  watches(): Seen[];
}

type Handler = (request: Seen, response: http.ServerResponse, count: number) => void;

describe('reflector', () => {
  let stop: AbortController;
  const scenes: Scene[] = [];

  async function scene(
    script: { list: Handler; watch: Handler },
    settings: { idleTimeoutMs?: number; realTime?: boolean } = {},
  ): Promise<Scene> {
    let listed = 0;
    let watched = 0;
    const server = await startScriptedServer((request, response) => {
      if (request.query.has('watch')) script.watch(request, response, watched++);
      else script.list(request, response, listed++);
    });
    const clock = quickClock();
    const changes: string[] = [];
    const reflector = reflect<Trimmed, KubeObject, 'app'>(server.client, pods, {
      trim: (object) => ({
        version: object.metadata.resourceVersion ?? '',
        app: object.metadata.labels?.['app'] ?? '',
      }),
      onChange: (key, next, previous) => {
        changes.push(next ? `${previous ? '~' : '+'}${key}@${next.version}` : `-${key}@${previous?.version}`);
      },
      indexes: { app: (one) => [one.app] },
      signal: stop.signal,
      log: silent,
      clock: settings.realTime ? undefined : clock,
      idleTimeoutMs: settings.idleTimeoutMs,
    });
    const made: Scene = {
      server,
      reflector,
      changes,
      clock,
      lists: () => server.seen.filter((one) => !one.query.has('watch')),
      watches: () => server.seen.filter((one) => one.query.has('watch')),
    };
    scenes.push(made);
    return made;
  }

  beforeEach(() => (stop = new AbortController()));

  afterEach(async () => {
    stop.abort();
    for (const { server, reflector } of scenes.splice(0)) {
      await reflector.stopped;
      await server.close();
    }
  });

  const open: Handler = (_request, response) => void response.writeHead(200).flushHeaders();

  it('lists page by page, then watches from the version of the list, and keeps what trim gives', async () => {
    const { reflector, changes, watches, lists } = await scene({
      list: (request, response, count) => {
        if (count === 0) json(response, 200, listOf('7', [pod('a', '3')], 'page-2'));
        else json(response, 200, request.query.get('continue') === 'page-2' ? listOf('7', [pod('b', '5', 'db')]) : {});
      },
      watch: open,
    });
    await reflector.synced();
    expect(reflector.hasSynced).to.equal(true);
    expect(changes).to.deep.equal(['+shop/a@3', '+shop/b@5']);
    expect(reflector.get('shop/a')).to.deep.equal({ version: '3', app: 'web' });
    expect(reflector.by('app', 'db')).to.deep.equal([{ version: '5', app: 'db' }]);
    const first = await until('it watches', () => watches()[0]);
    expect(Object.fromEntries(first.query)).to.include({ allowWatchBookmarks: 'true', resourceVersion: '7' });
    expect(Number(first.query.get('timeoutSeconds'))).to.be.within(240, 480);
    expect(lists().map((one) => one.query.get('limit'))).to.deep.equal(['500', '500']);
  });

  it('applies events in order and resumes after the last one, bookmarks included, without listing again', async () => {
    const { changes, watches, lists } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [pod('a', '1')])),
      watch: (_request, response, count) => {
        if (count === 0) {
          response.write(
            line('MODIFIED', pod('a', '2')) + line('ADDED', pod('b', '3')) + line('DELETED', pod('a', '4')),
          );
          response.end(line('BOOKMARK', { metadata: { resourceVersion: '9' } }));
        } else if (count === 1) response.end(line('DELETED', pod('b', '10')));
        else open(_request, response, count);
      },
    });
    await until('it watches a third time', () => watches()[2]);
    expect(changes).to.deep.equal(['+shop/a@1', '~shop/a@2', '+shop/b@3', '-shop/a@2', '-shop/b@3']);
    expect(watches().map((one) => one.query.get('resourceVersion'))).to.deep.equal(['1', '9', '10']);
    expect(lists()).to.have.length(1);
  });

  it('asks a server that closes every watch at once less and less often, up to 5 s', async () => {
    const { watches, lists, clock } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [])),
      watch: (_request, response) => response.end(),
    });
    await until('it has tried often', () => watches().length >= 12 || undefined);
    expect(lists()).to.have.length(1);
    clock.waits.slice(0, 12).forEach((wait, turn) => {
      const step = Math.min(5000, 200 * 2 ** turn);
      expect(wait, `wait ${turn}`).to.be.within(step / 2, step);
    });
  });

  it('asks a server that closes every watch at once only a few times in 400 ms of real time', async () => {
    const { server } = await scene(
      {
        list: (_request, response) => json(response, 200, listOf('1', [])),
        watch: (_request, response) => response.end(),
      },
      { realTime: true },
    );
    await until('it watches', () => server.seen.length >= 2 || undefined);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.seen.length).to.be.within(2, 6);
  });

  it('still pauses between watches that each deliver something and end at once', async () => {
    const { watches, clock } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [])),
      watch: (_request, response, count) => response.end(line('MODIFIED', pod('a', String(count + 2)))),
    });
    await until('it has watched often', () => watches().length >= 8 || undefined);
    for (const wait of clock.waits) expect(wait).to.be.within(100, 200);
  });

  it('resumes from the last whole event when the stream is cut within a line', async () => {
    const { changes, watches, lists } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [])),
      watch: (request, response, count) => {
        if (count > 0) return open(request, response, count);
        response.write(line('ADDED', pod('a', '2')) + line('ADDED', pod('b', '3')).slice(0, 30), () =>
          response.destroy(),
        );
      },
    });
    const again = await until('it watches again', () => watches()[1]);
    expect(again.query.get('resourceVersion')).to.equal('2');
    expect(changes).to.deep.equal(['+shop/a@2']);
    expect(lists()).to.have.length(1);
  });

  it('leaves a stream on which no byte comes and resumes', async () => {
    const { watches, lists, reflector } = await scene(
      { list: (_request, response) => json(response, 200, listOf('1', [pod('a', '1')])), watch: open },
      { idleTimeoutMs: 40 },
    );
    await until('it watches again', () => watches()[1]);
    expect(watches()[1]!.query.get('resourceVersion')).to.equal('1');
    expect(lists()).to.have.length(1);
    expect(reflector.get('shop/a')).to.not.equal(undefined);
  });

  it('leaves a server that takes a watch and never answers', async () => {
    const { watches, reflector } = await scene(
      { list: (_request, response) => json(response, 200, listOf('1', [])), watch: () => undefined },
      { idleTimeoutMs: 40 },
    );
    await until('it watches again', () => watches()[1]);
    expect(reflector.lastError).to.include({ reason: 'Timeout' });
  });

  it('stays on a stream that carries nothing but bookmarks', async () => {
    const { watches } = await scene(
      {
        list: (_request, response) => json(response, 200, listOf('1', [])),
        watch: (_request, response) => {
          let version = 2;
          const timer = setInterval(() => {
            response.write(line('BOOKMARK', { metadata: { resourceVersion: String(version++) } }));
            if (version > 42) response.end();
          }, 20);
          response.on('close', () => clearInterval(timer));
        },
      },
      // Less than the 800 ms that the bookmarks take, and far more than a busy machine lets pass between two of them.
      { idleTimeoutMs: 700 },
    );
    await until('it watches again', () => watches()[1]);
    expect(watches()[1]!.query.get('resourceVersion')).to.equal('42');
  });

  for (const [how, gone] of Object.entries<Handler>({
    'on opening the watch': (_request, response) => status(response, 410, 'Expired', 'too old resource version'),
    'within the stream': (_request, response) => {
      response.end(
        line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }),
      );
    },
    'as an unreadable line within the stream': (_request, response) => response.end('{"type":"ADDED","obj\n'),
    'as a 500 within the stream': (_request, response) => {
      response.end(line('ERROR', { kind: 'Status', code: 500, reason: 'InternalError', message: 'unable to decode' }));
    },
  })) {
    it(`lists again when told ${how} that it cannot go on, and finds what was changed, added and deleted meanwhile`, async () => {
      const { changes, watches, lists, clock } = await scene({
        list: (_request, response, count) => {
          if (count === 0) json(response, 200, listOf('5', [pod('kept', '1'), pod('changed', '2'), pod('lost', '3')]));
          else json(response, 200, listOf('20', [pod('kept', '1'), pod('changed', '12'), pod('new', '13')]));
        },
        watch: (request, response, count) => (count === 0 ? gone : open)(request, response, count),
      });
      const again = await until('it watches again', () => watches()[1]);
      expect(again.query.get('resourceVersion')).to.equal('20');
      expect(lists()).to.have.length(2);
      expect(lists()[1]!.query.get('limit')).to.equal('500');
      expect(changes.slice(3)).to.deep.equal(['~shop/changed@12', '+shop/new@13', '-shop/lost@3']);
      expect(clock.waits).to.have.length(1);
    });
  }

  it('backs off when every watch is refused as too old', async () => {
    const { lists, clock } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [])),
      watch: (_request, response) => status(response, 410, 'Expired'),
    });
    await until('it has listed often', () => lists().length >= 8 || undefined);
    expect(clock.waits[6]).to.be.within(2500, 5000);
  });

  it('forgets nothing while lists fail, in whatever way, and says why it is behind', async () => {
    const failures: Handler[] = [
      (_request, response) => status(response, 500, 'InternalError', 'etcd is away'),
      (_request, response) => status(response, 403, 'Forbidden', 'no more'),
      (_request, response) => json(response, 200, {}),
      (_request, response) => response.end(''),
      (_request, response) => response.destroy(),
      (_request, response) => json(response, 200, listOf('9', [], 'next')),
      (_request, response) => status(response, 500, 'InternalError', 'on the second page'),
    ];
    const seenErrors: string[] = [];
    const { changes, watches, reflector, clock } = await scene({
      list: (request, response, count) => {
        if (count === 0) return json(response, 200, listOf('5', [pod('a', '1')]));
        seenErrors.push(String(reflector.lastError?.message));
        expect(reflector.get('shop/a')).to.not.equal(undefined);
        const failure = failures[count - 1];
        if (failure) failure(request, response, count);
        else json(response, 200, listOf('30', []));
      },
      watch: (request, response, count) => {
        if (count === 0) status(response, 410, 'Expired');
        else open(request, response, count);
      },
    });
    await until('it watches again', () => watches()[1]);
    expect(changes).to.deep.equal(['+shop/a@1', '-shop/a@1']);
    expect(seenErrors.join('\n'))
      .to.match(/410 Expired/)
      .and.match(/etcd is away/)
      .and.match(/403 Forbidden: no more/);
    await until('the error is past', () => reflector.lastError === undefined);
    expect(clock.waits.at(-1)).to.be.greaterThan(2000);
  });

  it('is not synced before a first list was read whole', async () => {
    let release: (() => void) | undefined;
    const { reflector } = await scene({
      list: (_request, response, count) => {
        if (count === 0) status(response, 503, 'ServiceUnavailable');
        else if (count === 1) json(response, 200, listOf('5', [pod('a', '1')], 'next'));
        else release = () => json(response, 200, listOf('5', [pod('b', '2')]));
      },
      watch: open,
    });
    await until('the first page is in', () => reflector.get('shop/a') !== undefined);
    expect(reflector.hasSynced).to.equal(false);
    const answerNow = await until('the second page is asked for', () => release);
    answerNow();
    await reflector.synced();
    expect(reflector.size).to.equal(2);
  });

  it('asks for the whole list at once when its pages expire under it', async () => {
    const { reflector, lists } = await scene({
      list: (request, response) => {
        if (request.query.has('continue')) status(response, 410, 'Expired', 'the continue token is too old');
        else if (request.query.has('limit')) json(response, 200, listOf('5', [pod('a', '1')], 'next'));
        else json(response, 200, listOf('6', [pod('a', '1'), pod('b', '2')]));
      },
      watch: open,
    });
    await reflector.synced();
    expect(lists().map((one) => one.query.get('limit'))).to.deep.equal(['500', '500', null]);
    expect(reflector.size).to.equal(2);
  });

  it('resumes without a list after the server was away', async () => {
    const { lists, watches, changes } = await scene({
      list: (_request, response) => json(response, 200, listOf('1', [])),
      watch: (request, response, count) => {
        if (count === 0) response.destroy();
        else if (count === 1) status(response, 503, 'ServiceUnavailable');
        else if (count === 2) status(response, 500, 'InternalError');
        else if (count === 3) response.end(line('ADDED', pod('a', '2')));
        else open(request, response, count);
      },
    });
    await until('it watches a fifth time', () => watches()[4]);
    expect(lists()).to.have.length(1);
    expect(changes).to.deep.equal(['+shop/a@2']);
  });

  it('goes on when a change handler throws', async () => {
    const server = await startScriptedServer((request, response) => {
      if (request.query.has('watch')) response.writeHead(200).write(line('ADDED', pod('b', '2')));
      else json(response, 200, listOf('1', [pod('a', '1')]));
    });
    const errors: unknown[] = [];
    const reflector = reflect(server.client, pods, {
      trim: (object) => object.metadata.name,
      onChange: () => {
        throw new Error('a bug');
      },
      signal: stop.signal,
      log: { ...silent, error: (fields: unknown) => void errors.push(fields) },
    });
    await until('both are in', () => reflector.size === 2);
    expect(errors).to.have.length(2);
    stop.abort();
    await reflector.stopped;
    await server.close();
  });

  it('stops when its signal aborts, keeps what it saw, and rejects those who wait for a sync that will not come', async () => {
    const { reflector } = await scene({ list: () => undefined, watch: open });
    const waiting = reflector.synced().then(
      () => 'synced',
      () => 'rejected',
    );
    stop.abort();
    await reflector.stopped;
    expect(await waiting).to.equal('rejected');
  });
});
