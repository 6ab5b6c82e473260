import { expect } from 'chai';
import { failuresSaid, lastServedMs, lostTo } from '../../../bench/off-cluster/lost.ts';
import type { Shot } from '../../support/load/steady-load.ts';

const shot = (sentAtMs: number, ms: number, status: number, servedBy = ''): Shot => ({
  asked: { method: 'GET', path: '/' },
  sentAtMs,
  ms,
  status,
  servedBy,
  platform: 'vm',
});

describe('the cost of a cut', () => {
  it('is counted from the cut to the sending of the last request that failed, whenever its answer came', () => {
    const shots = [
      shot(900, 10, 200, 'a@vm1'),
      shot(990, 510, 504),
      shot(1500, 5, 200, 'a@vm1'),
      shot(6900, 2000, 504),
      shot(7100, 5, 200, 'a@vm1'),
    ];
    expect(lostTo(shots, 1000)).to.deep.equal({ sent: 4, failed: 2, lastMs: 5900 });
  });

  it('is 0 when nothing was lost, and never less, since requests under way were sent before', () => {
    expect(lostTo([shot(1500, 5, 200)], 1000)).to.deep.equal({ sent: 1, failed: 0, lastMs: 0 });
    expect(lostTo([shot(990, 510, 504)], 1000)).to.deep.equal({ sent: 1, failed: 1, lastMs: 0 });
  });

  it('is shown by status, with time and duration', () => {
    const shots = [shot(1500, 500, 504), shot(3000, 1200, 504), shot(2000, 3, 0), shot(2000, 3, 200)];
    expect(failuresSaid(shots, 1000)).to.equal(
      '2 x 504, sent 0.5 s to 2.0 s, after 1.2 s at most; 1 x 0, sent 1.0 s to 1.0 s, after 0.0 s at most',
    );
    expect(failuresSaid([shot(1500, 5, 200)], 0)).to.equal('');
  });

  it('tells when a host served last', () => {
    const shots = [shot(1200, 5, 200, 'a@vm5'), shot(1900, 5, 200, 'a@vm4'), shot(1800, 5, 200, 'a@vm15')];
    expect(lastServedMs(shots, 'vm5', 1000)).to.equal(200);
    expect(lastServedMs(shots, 'vm9', 1000)).to.equal(0);
  });
});
