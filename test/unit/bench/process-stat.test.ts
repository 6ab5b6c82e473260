import { expect } from 'chai';
import { bytesOf, cpuSeconds, cpuSecondsOf, residentBytes } from '../../../bench/rig/process-stat.ts';

describe('the statistics of Linux about a process', () => {
  it('hold its CPU time under any name', () => {
    const fields = 'S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0';
    expect(cpuSecondsOf(`4711 (node) ${fields}`)).to.equal(3);
    expect(cpuSecondsOf(`4711 (a) S 9 (b c) ${fields}`)).to.equal(3);
  });

  it('holds its resident memory', () => {
    expect(bytesOf('VmHWM:\t  900 kB\nVmRSS:\t  512 kB\n', 'VmRSS')).to.equal(512 * 1024);
    expect(() => bytesOf('VmHWM:\t  900 kB\n', 'VmRSS')).to.throw('has no VmRSS');
  });

  it('is about this very process as Node itself has it', async () => {
    const { user, system } = process.cpuUsage();
    // Two clocks, one of which counts hundredths.
    expect(await cpuSeconds(process.pid)).to.be.closeTo((user + system) / 1e6, 0.5);
    expect(await residentBytes(process.pid)).to.be.closeTo(process.memoryUsage.rss(), 32 * 1024 * 1024);
  });
});
