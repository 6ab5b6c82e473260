import { expect } from 'chai';

import { doorsRequestOf } from '../../../../agent/doors/tell-doors.ts';
import { doorsRequest } from '../../../../mesh/outside/bridge-api.ts';

describe('the report of the doors', () => {
  it('is taken by the bridge for as many instances as a machine may have, however long their problems', () => {
    const report = {
      listens: Array<string>(4).fill('[2001:db8:1111:2222:3333:4444:5555:6666]:65535'),
      unseen: true,
      closed: false,
      problem: 'nft:\tnot \u001b[31mpermitted\n'.repeat(50),
      callers: Array<string>(4).fill('2001:db8:1111:2222:3333:4444:5555:6666'),
    };
    const ids = Array.from({ length: 300 }, (_, index) => `${'a'.repeat(120)}-${index}`);
    const request = doorsRequestOf(new Map(ids.map((id) => [id, report])));
    expect(doorsRequest.safeParse(request).error).to.equal(undefined);
    expect(JSON.stringify(request).length).to.be.below(256 * 1024);
  });

  it('is refused by the bridge with anything that would write on a terminal', () => {
    const at = (more: object) =>
      doorsRequest.safeParse({ instances: [{ id: 'a', listens: [], closed: true, callers: [], ...more }] });
    expect(at({}).success).to.equal(true);
    expect(at({ problem: '\u001b]0;owned' }).success).to.equal(false);
    expect(at({ listens: ['0.0.0.0:80\n'] }).success).to.equal(false);
    expect(at({ callers: ['nobody'] }).success).to.equal(false);
  });
});
