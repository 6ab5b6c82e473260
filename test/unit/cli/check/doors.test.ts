import { expect } from 'chai';
import { cutVerdict, doorsVerdict } from '../../../../cli/check/doors.ts';
import { installationMode } from '../../../../cli/installation-mode.ts';
import type { KubeClient } from '../../../../clients/kube/client.ts';
import { KubeError } from '../../../../clients/kube/errors.ts';
import { DEFAULT_MUTUAL_TLS_KEY } from '../../../../mesh/installation/installation.ts';
import { aMeshService } from '../../../support/builders.ts';

const STRICT = { mode: 'Strict' as const, because: 'it is new' };
const listed = (name: string, status?: 'True' | 'False' | 'Unknown', reason = 'DoorOpen') => ({
  metadata: { name, namespace: 'shop' },
  status: {
    conditions: status && [{ type: 'Enforced', status, reason, message: `it is ${reason}`, lastTransitionTime: '' }],
  },
});

describe('landbridge check of doors', () => {
  it('says that all are closed, how many were tried, and which mode holds for the others', () => {
    expect(doorsVerdict([listed('a', 'True'), listed('b', 'Unknown'), listed('machines')], STRICT)).to.deep.equal({
      result: 'ok',
      detail: '1 of 2 not tried yet; MeshServices that do not say it are Strict, since it is new',
    });
  });

  it('warns of each that is open with its sentence, and counts the rest', () => {
    const { result, detail } = doorsVerdict(
      Array.from({ length: 8 }, (_, index) => listed(`s${index}`, 'False')),
      STRICT,
    );
    expect(result).to.equal('warning');
    expect(detail).to.contain('shop/s0 (it is DoorOpen)').and.to.contain('3 more');
  });

  it('names all Permissive MeshServices in one sentence, with the reason', () => {
    const mode = { mode: 'Permissive' as const, because: 'it was upgraded' };
    const { result, detail } = doorsVerdict([listed('a', 'False', 'Permissive'), listed('b', 'True')], mode);
    expect(result).to.equal('warning');
    expect(detail).to.equal(
      'open to everybody, since they are Permissive: shop/a; MeshServices that do not say it are Permissive, since it was upgraded',
    );
  });

  it('names what from outside the cluster leads to closed ports, and nothing of other namespaces', () => {
    const service = (name: string, namespace: string, type: string) => ({
      metadata: { name, namespace },
      spec: { type, selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    const services = [
      service('lb', 'shop', 'LoadBalancer'),
      service('in', 'shop', 'ClusterIP'),
      service('lb', 'x', 'LoadBalancer'),
    ];
    const all = { services, ingresses: [] };
    expect(cutVerdict([aMeshService('web')], 'Strict', all)).to.deep.equal({
      result: 'warning',
      detail: 'shop/web: Service lb (LoadBalancer, to port 8080)',
    });
    expect(cutVerdict([aMeshService('web')], 'Permissive', all).result).to.equal('ok');
    expect(cutVerdict([aMeshService('web', { plaintextPorts: [8080] })], 'Strict', all).result).to.equal('ok');
  });
});

describe('the mode of an installation, as its administrator sees it', () => {
  const operator = (value: string | undefined) => ({
    spec: {
      replicas: 1,
      template: {
        spec: { containers: [{ env: value === undefined ? [] : [{ name: 'LANDBRIDGE_DEFAULT_MUTUAL_TLS', value }] }] },
      },
    },
  });
  const kubeWith = (mark: string | undefined | Error) =>
    ({
      get: async () => {
        if (mark instanceof Error) throw mark;
        return { data: mark === undefined ? {} : { [DEFAULT_MUTUAL_TLS_KEY]: Buffer.from(mark).toString('base64') } };
      },
    }) as unknown as KubeClient;

  const CASES: [string, string | undefined, string | undefined | Error, string, RegExp][] = [
    ['what the values say', 'Strict', undefined, 'Strict', /the value defaultMutualTLS is Strict/],
    ['that against the mark', 'Permissive', 'Strict', 'Permissive', /the value/],
    ['the mark', 'Auto', 'Strict', 'Strict', /new/],
    ['Permissive without a mark', 'Auto', undefined, 'Permissive', /upgraded/],
    ['Permissive of an operator that closes nothing', undefined, 'Strict', 'Permissive', /closes no ports/],
    [
      'no mark where it may not be read',
      'Auto',
      new KubeError({ code: 403, reason: 'Forbidden', message: '', kind: 'fix' }),
      'Permissive',
      /upgraded/,
    ],
  ];
  for (const [what, setting, mark, mode, because] of CASES)
    it(`is ${what}`, async () => {
      const found = await installationMode(kubeWith(mark), operator(setting) as never);
      expect(found.mode).to.equal(mode);
      expect(found.because).to.match(because);
    });
});
