import { expect } from 'chai';
import { thisProgram } from '../../../../cli/vm/agent-unit.ts';

describe('the program that an agent is started from', () => {
  afterEach(() => delete process.env.LANDBRIDGE_SINGLE_FILE);

  it('is the Node and the script of this process', () => {
    const [node, ...rest] = thisProgram();
    expect(node).to.equal(process.execPath);
    expect(rest.at(-1)).to.match(/^\//);
  });

  it('cannot be the CLI as one file, which lies in the cache of one user', () => {
    process.env.LANDBRIDGE_SINGLE_FILE = '/home/ann/landbridge';
    expect(() => thisProgram()).to.throw(/^\/home\/ann\/landbridge is the CLI as one file.*landbridge vm invite/);
  });
});
