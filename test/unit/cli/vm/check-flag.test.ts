import { expect } from 'chai';

import { checkFlag, localCheckFlag } from '../../../../cli/vm/check-flag.ts';

describe('the flag --check', () => {
  it('takes a health port of its own on a machine, and refuses a port that cannot be', () => {
    expect(localCheckFlag('http:8082/actuator/health')).to.deep.equal({
      ...{ type: 'http', port: 8082, path: '/actuator/health' },
    });
    expect(localCheckFlag('http:/healthz')).to.deep.equal({ type: 'http', path: '/healthz' });
    for (const text of ['http:0/x', 'http:65536/x', 'http:8082', 'http:8082x/'])
      expect(() => localCheckFlag(text), text).to.throw(`--check ${text}: give tcp, http:PATH`);
  });

  it('takes no other port where the bridge checks from afar', () => {
    expect(() => checkFlag('http:8082/actuator/health')).to.throw(
      '--check http:8082/actuator/health: give tcp, http:PATH (for example http:/healthz), grpc or grpc:SERVICE',
    );
  });
});
