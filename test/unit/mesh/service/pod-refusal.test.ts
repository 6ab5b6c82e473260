import { expect } from 'chai';
import { refusalOf, stillRefused } from '../../../../mesh/service/pod-refusal.ts';

describe('pods that cannot be made', () => {
  const ADVICE = 'spec.proxy.resources';
  const notes: [string, boolean][] = [
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: failed quota: compute: must specify limits.cpu for: landbridge-sidecar',
      true,
    ],
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: exceeded quota: compute, requested: limits.memory=256Mi',
      true,
    ],
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: maximum memory usage per Container is 64Mi, but limit is 256Mi',
      true,
    ],
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: minimum cpu usage per Container is 50m, but request is 10m',
      true,
    ],
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: memory max limit to request ratio per Container is 4, but provided ratio is 8.000000',
      true,
    ],
    [
      'Error creating: admission webhook "injector.landbridge.dev" denied the request: container "app" listens on port 20000',
      false,
    ],
    [
      'Error creating: pods "web-5d8-x2v7q" is forbidden: error looking up service account shop/web: serviceaccount "web" not found',
      false,
    ],
  ];
  for (const [note, advised] of notes) {
    it(`are described in the words of the API server: ${note.slice(16, 90)}`, () => {
      const { message } = refusalOf('ReplicaSet', 'web-5d8', note, 1);
      expect(message).to.match(
        /^ReplicaSet web-5d8 cannot make its pods: (pods "web-5d8-\.\.\." is forbidden|admission webhook)/,
      );
      expect(message.includes(ADVICE)).to.equal(advised);
    });
  }

  it('say one sentence for all tries', () => {
    const said = (pod: string) => refusalOf('Job', 'a.b', `Error creating: pods "${pod}" is forbidden: x`, 1).message;
    expect(said('a.b-x2v7q')).to.equal(said('a.b-99999'));
    expect(said('a.b-x2v7q')).not.to.equal(said('aXb-99999'));
  });

  it('count until one was made after it was said, or nothing was said for longer than an owner waits', () => {
    const refusal = { message: '', atMs: 10_000 };
    expect(stillRefused(refusal, [], 20_000)).to.equal(true);
    expect(stillRefused(refusal, [8_000, 9_000], 20_000)).to.equal(true);
    expect(stillRefused({ ...refusal, atMs: 10_700 }, [10_000], 20_000)).to.equal(false);
    expect(stillRefused(refusal, [9_000, 11_000], 20_000)).to.equal(false);
    expect(stillRefused(refusal, [], 10_000 + 20 * 60_000 + 1)).to.equal(false);
  });
});
