import { expect } from 'chai';
import { missing, type Machine } from '../../../lab/requirements.ts';

const good: Machine = {
  platform: 'linux',
  arch: 'x64',
  root: true,
  nodeVersion: '20.20.2',
  goVersion: '1.26.8',
  goToolchain: 'local',
  python: true,
  apt: true,
  docker: false,
};

describe('the requirements of the lab', () => {
  it('is there on a machine that has everything', () => {
    expect(missing(good)).to.deep.equal([]);
  });

  it('is named thing by thing, each with its remedy', () => {
    const lines = missing({
      ...good,
      root: false,
      nodeVersion: '18.19.0',
      goVersion: undefined,
      python: false,
      apt: false,
    });
    expect(lines).to.have.length(5);
    expect(lines[0]).to.contain('sudo npm start').and.to.contain('kind create cluster --config kind-config.yaml');
    expect(lines[1]).to.contain('Node.js 20').and.to.contain('18.19.0');
    expect(lines[2]).to.match(/^Go, .*install Go/);
    expect(lines[3]).to.contain('apt-get install python3');
    expect(lines[4]).to.contain('apt-get');
  });

  it('is one thing on another system, with what works there', () => {
    for (const other of [{ platform: 'darwin' }, { arch: 'arm64' }]) {
      const lines = missing({ ...good, ...other, root: false, apt: false });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.contain('kind create cluster --config kind-config.yaml');
    }
  });

  it('takes an older Go that gets newer toolchains by itself, and not one told to stay as it is', () => {
    expect(missing({ ...good, goVersion: '1.22.1', goToolchain: 'auto' })).to.deep.equal([]);
    expect(missing({ ...good, goVersion: '1.22.1', goToolchain: 'local' })[0]).to.contain('this is 1.22.1');
    expect(missing({ ...good, goVersion: '1.19.8', goToolchain: 'auto' })[0]).to.contain('this is 1.19.8');
    expect(missing({ ...good, goVersion: '1.26rc1', goToolchain: 'local' })).to.deep.equal([]);
  });
});
