import { expect } from 'chai';
import type { KubeClient } from '../../../../clients/kube/client.ts';
import { errorOfStatus } from '../../../../clients/kube/errors.ts';
import type { MeshServiceStatus } from '../../../../crds/mesh-service.ts';
import { statusWriter } from '../../../../operator/reconcile/status-writer.ts';

/** An API server whose events come when the test says so. */
function scene() {
  const written: (string | undefined)[] = [];
  let mirrored: MeshServiceStatus | undefined;
  let failure: Error | undefined;
  const applyStatus = (async (_resource: unknown, _name: string, _namespace: string, status: MeshServiceStatus) => {
    if (failure !== undefined) throw failure;
    written.push(status.pods);
  }) as unknown as KubeClient['applyStatus'];
  const statuses = statusWriter({ applyStatus }, () => mirrored);
  return {
    written,
    statuses,
    write: (pods: string) => statuses.write('shop/web', { pods }),
    /** True when the event asks for a walk. */
    event(pods: string) {
      mirrored = { pods };
      return !statuses.isOwn('shop/web', mirrored);
    },
    fail: (error: Error | undefined) => (failure = error),
  };
}

describe('the writer of statuses', () => {
  it('writes once what does not change, and knows its own event', async () => {
    const { written, write, event } = scene();
    await write('1/1');
    expect(event('1/1')).to.equal(false);
    await write('1/1');
    expect(written).to.deep.equal(['1/1']);
  });

  it('writes a status that goes back before the event of the first came', async () => {
    const { written, write, event } = scene();
    event('1/1');
    await write('0/1');
    await write('1/1');
    expect(written, 'the mirror alone would say that nothing is to be written').to.deep.equal(['0/1', '1/1']);
    event('0/1');
    expect(event('1/1')).to.equal(false);
  });

  it('asks for a walk when somebody else wrote the status, which then is put right', async () => {
    const { written, write, event } = scene();
    await write('1/1');
    event('1/1');
    expect(event('9/9')).to.equal(true);
    await write('1/1');
    expect(written).to.deep.equal(['1/1', '1/1']);
  });

  it('writes again what could not be written', async () => {
    const { written, write, fail, event } = scene();
    event('0/1');
    fail(new Error('away'));
    expect(await write('1/1').catch((error: Error) => error.message)).to.equal('away');
    fail(undefined);
    await write('1/1');
    expect(written).to.deep.equal(['1/1']);
  });

  it('takes an object that is gone for no error', async () => {
    const { write, fail } = scene();
    fail(errorOfStatus('PATCH web', 404, { reason: 'NotFound' }));
    await write('1/1');
  });
});
