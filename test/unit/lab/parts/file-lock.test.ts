import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../../../lab/parts/file-lock.ts';
import { thisProcess } from '../../../../lab/host/process-id.ts';

describe('a lock', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'landbridge-lock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('lets one in after the other, and says that one waits', async () => {
    const order: string[] = [];
    let leave = (): void => undefined;
    const first = withLock(
      path,
      () => order.push('first waits'),
      () => new Promise<void>((resolve) => (leave = resolve)),
    );
    const second = withLock(
      path,
      () => {
        order.push('second waits');
        leave();
      },
      async () => void order.push('second'),
    );
    await first.then(() => order.push('first left'));
    await second;
    expect(order).to.deep.equal(['second waits', 'first left', 'second']);
    expect(existsSync(path)).to.equal(false);
  });

  it('of a process that has ended is taken over', async () => {
    writeFileSync(path, JSON.stringify({ ...thisProcess(), started: 1 }));
    let waited = false;
    const result = await withLock(
      path,
      () => (waited = true),
      async () => 'done',
    );
    expect([result, waited]).to.deep.equal(['done', false]);
  });

  it('is given back when the work fails', async () => {
    const failed = withLock(
      path,
      () => undefined,
      () => Promise.reject(new Error('no disk')),
    );
    expect(await failed.catch((error: Error) => error.message)).to.equal('no disk');
    expect(existsSync(path)).to.equal(false);
  });
});
