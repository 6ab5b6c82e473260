import { expect } from 'chai';
import type { KubeClient } from '../../../../../clients/kube/client.ts';
import { recordEvents } from '../../../../../clients/kube/events/events.ts';
import { fakeClock } from '../../../bridge/fake-clock.ts';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describe('recorded Events', () => {
  it('come once for each of hundreds of warnings of one moment, in time', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    const made: string[] = [];
    const client = {
      create: async (_resource: unknown, { regarding }: { regarding: { name: string } }) =>
        void made.push(regarding.name),
      patchMerge: async () => undefined,
    } as unknown as Pick<KubeClient, 'create' | 'patchMerge'>;
    const { record, flush } = recordEvents({
      client,
      reportingController: 'landbridge.dev/test',
      reportingInstance: 'test-0',
      signal: stop.signal,
      log: quiet,
      clock,
      burst: 50,
      writesPerSecond: 1,
    });
    const names = Array.from({ length: 223 }, (_, i) => `web-${i}`);
    for (const name of names)
      record({
        regarding: { apiVersion: 'landbridge.dev/v1', kind: 'MeshService', name, namespace: 'shop' },
        type: 'Warning',
        reason: 'ForeignEntry',
        action: 'Reconcile',
        note: 'put right',
      });
    await flush();
    expect(made).to.have.length(50);
    for (let second = 0; second < 180; second++) await clock.advance(1000);
    await flush();
    expect(made.sort()).to.deep.equal(names.sort());
    stop.abort();
  });
});
