import { expect } from 'chai';
import { lackedPermission, refusal } from '../../../../clients/consul/refusal.ts';

const WHAT = 'PUT /v1/config';

describe('a refusal of Consul', () => {
  it('tells the permission that is lacking, with and without a resource', () => {
    const cases: [string, string | undefined][] = [
      [`lacks permission 'node:write' on "k8s.lab.shop.sub-svc"`, 'node:write on "k8s.lab.shop.sub-svc"'],
      [`lacks permission 'acl:write'`, 'acl:write'],
      [`lacks permission 'key:write' on "a/b c". The anonymous token is used implicitly`, 'key:write on "a/b c"'],
      ['ACL bootstrap no longer allowed', undefined],
    ];
    for (const [sentence, permission] of cases) expect(lackedPermission(sentence)).to.equal(permission);
  });

  it('knows an unknown token from an ACL object that is not there', () => {
    expect(refusal(WHAT, 403, 'ACL not found')).to.include({ name: 'ConsulDenied' });
    expect(refusal(WHAT, 403, 'rpc error making call: ACL not found').message).to.match(/does not know the token/);
    expect(refusal(WHAT, 403, 'token does not exist: ACL not found')).to.include({
      name: 'ConsulRefused',
      status: 404,
    });
  });

  it('waits for a server that cannot serve now', () => {
    const sentences = [
      'No cluster leader',
      'rpc error making call: No cluster leader',
      'rpc error getting client: failed to get conn: dial tcp 10.0.0.1:8300: connect: connection refused',
      'Not ready to serve consistent reads',
      'leadership lost while committing log',
      'rpc error making call: EOF',
      'ACL system must be bootstrapped before making any requests that require authorization: ACL not found',
    ];
    for (const sentence of sentences) {
      expect(refusal(WHAT, 500, sentence), sentence).to.include({ name: 'ConsulUnavailable', kind: 'retry' });
    }
  });

  it('takes a refusal that only mentions such words for a refusal', () => {
    const sentence = 'Config entry "raft-eof" is odd';
    expect(refusal(WHAT, 500, sentence)).to.include({ name: 'ConsulRefused' });
  });

  it('is one line for any layout', () => {
    const several = '2 errors occurred:\n\t* Name is required\n\t* Protocol is odd\n\n';
    expect(refusal(WHAT, 500, several).message).to.equal(`Consul refused ${WHAT}: Name is required; Protocol is odd`);
    expect(refusal(WHAT, 418, '').message).to.equal(`Consul refused ${WHAT}: status 418`);
  });
});
