import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeKernelSettings, restoreKernelSettings, type Places } from '../../../../lab/engine/kernel-settings.ts';

describe("the kernel's settings that a node changes for the whole machine", () => {
  let folder: string;
  let places: Places;
  const panic = (): string => join(folder, 'sys/kernel/panic');
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'landbridge-kernel-'));
    places = { file: join(folder, 'state/kept.json'), kernel: join(folder, 'sys') };
    mkdirSync(join(folder, 'sys/kernel'), { recursive: true });
    writeFileSync(panic(), '0\n');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are what they were when the lab is gone', () => {
    changeKernelSettings(places);
    writeFileSync(panic(), '10\n');
    restoreKernelSettings(places);
    expect(readFileSync(panic(), 'utf8').trim()).to.equal('0');
  });

  it('are not taken from a node that a killed start left', () => {
    changeKernelSettings(places);
    writeFileSync(panic(), '10\n');
    changeKernelSettings(places);
    restoreKernelSettings(places);
    expect(readFileSync(panic(), 'utf8').trim()).to.equal('0');
  });

  it('are raised to what a lab needs, and never lowered', () => {
    mkdirSync(join(folder, 'sys/fs/inotify'), { recursive: true });
    const instances = join(folder, 'sys/fs/inotify/max_user_instances');
    const watches = join(folder, 'sys/fs/inotify/max_user_watches');
    writeFileSync(instances, '128\n');
    writeFileSync(watches, '1048576\n');
    changeKernelSettings(places);
    expect([instances, watches].map((path) => Number(readFileSync(path, 'utf8')))).to.deep.equal([1024, 1_048_576]);
    restoreKernelSettings(places);
    expect(Number(readFileSync(instances, 'utf8'))).to.equal(128);
  });

  it('stay as they are when no lab kept any', () => {
    restoreKernelSettings(places);
    expect(readFileSync(panic(), 'utf8')).to.equal('0\n');
  });
});
