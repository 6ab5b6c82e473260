import { expect } from 'chai';
import { doorsOf, plaintextNumbers } from '../../../../mesh/doors/doors.ts';
import { aMeshService } from '../../../support/builders.ts';

describe('the doors of a MeshService', () => {
  it('are as the MeshService says, else as the installation says', () => {
    expect(doorsOf(aMeshService('a'), 'Strict').mode).to.equal('Strict');
    expect(doorsOf(aMeshService('a'), 'Permissive').mode).to.equal('Permissive');
    expect(doorsOf(aMeshService('a', { mutualTLS: 'Strict' }), 'Permissive').mode).to.equal('Strict');
    expect(doorsOf(aMeshService('a', { mutualTLS: 'Permissive' }), 'Strict').mode).to.equal('Permissive');
  });

  it('leave open the ports of the sidecar that others must reach, and no port of the app', () => {
    expect(doorsOf(aMeshService('a', { port: 8080 }), 'Strict')).to.deep.equal({
      mode: 'Strict',
      sidecarPorts: [20000, 20200],
      plaintextPorts: [],
    });
  });

  it('leave open the plaintext ports, by number and by name', () => {
    const doors = doorsOf(aMeshService('a', { plaintextPorts: [9090, 'metrics'] }), 'Strict');
    expect(doors.plaintextPorts).to.deep.equal([9090, 'metrics']);
    expect(plaintextNumbers(doors)).to.deep.equal([9090]);
  });
});
