import { expect } from 'chai';
import fc from 'fast-check';
import type { KubeObject } from '../../../clients/kube/object.ts';
import { customResourceDefinitions, meshServices, namespaces } from '../../../clients/kube/resources.ts';
import { meshServiceCrd } from '../../../crds/custom-resource-definition.ts';
import { type MeshServiceSpecInput, parseMeshService } from '../../../crds/mesh-service.ts';
import { trafficProblems } from '../../../mesh/traffic/problems/problems.ts';
import { anyTraffic } from '../../support/arbitrary/mesh-service.ts';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/real/consul-ports.ts';
import { type RealKube, startApiServer } from '../../support/real/kube.ts';
import { type TrafficRig, ask, startTrafficRig } from '../../support/rigs/traffic-rig.ts';

const RUNS = Number(process.env['ADMISSION_RUNS'] ?? 200);
const SAMPLE = Number(process.env['ADMISSION_SAMPLE'] ?? 10);
const SEED = Number(process.env['ADMISSION_SEED'] ?? Date.now() % 2 ** 31);

type Spec = Partial<MeshServiceSpecInput>;

/**
 * Random MeshServices before the real API server with the CRD, then before the operator's own rules; a real Consul gets the
 * admitted ones, and real Envoys have to take them over. `npm run fuzz:admission` draws 10,000.
 */
describe('a MeshService drawn at random', function () {
  this.timeout(3_600_000);
  let kube: RealKube;
  const admitted: Spec[] = [];

  before(async () => {
    kube = await startApiServer();
    await kube.client.create(namespaces, { metadata: { name: 'shop' } });
    await kube.client.create(customResourceDefinitions, meshServiceCrd() as unknown as KubeObject);
    await eventually('the kind is served', 20_000, async () => (await kube.client.list(meshServices)) !== undefined);
  });
  after(() => kube?.stop());

  const around = { cluster: 'lab', named: () => [], joining: () => [] };
  const workloads = { pods: { selector: { matchLabels: { app: 'web' } } }, external: { sites: ['rack-1'] } };

  /** The sentence with which the API server or the operator refuses it; undefined when both let it in. */
  async function refusal(spec: Spec): Promise<string | undefined> {
    const body = {
      ...{ apiVersion: 'landbridge.dev/v1alpha1', kind: 'MeshService', metadata: { name: 'web', namespace: 'shop' } },
      spec: { port: 8080, workloads, ...spec },
    };
    const path = '/apis/landbridge.dev/v1alpha1/namespaces/shop/meshservices';
    try {
      const taken = await kube.client.request<KubeObject & { spec: unknown }>('POST', path, {
        body,
        query: { dryRun: 'All', fieldValidation: 'Strict' },
      });
      const problems = trafficProblems(parseMeshService(taken), around);
      return problems.find(({ weight }) => weight === 'refuse')?.message;
    } catch (error) {
      return (error as Error).message;
    }
  }

  it('is refused in a sentence or can be read by the operator', async () => {
    const strange: string[] = [];
    const open = fc.sample(anyTraffic, { numRuns: RUNS, seed: SEED });
    const began = performance.now();
    const worker = async (): Promise<void> => {
      for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
        const words = await refusal(spec);
        if (words === undefined) admitted.push(spec);
        // A refusal for its form, never a fault: nothing of zod, nothing of our own code, no cost that was too high.
        else if (/"code":|TypeError|RangeError|InternalError|cost|HTTP 5/.test(words))
          strange.push(`${words}: ${JSON.stringify(spec)}`);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    console.info(
      `      seed ${SEED}: ${RUNS} drawn, ${admitted.length} let in, ${((performance.now() - began) / RUNS).toFixed(1)} ms each`,
    );
    expect(strange).to.deep.equal([]);
    expect(admitted.length).to.be.within(RUNS / 50, RUNS - RUNS / 20);
  });

  describe('and let in', () => {
    let rig: TrafficRig;
    let port = 0;

    before(async () => {
      rig = await startTrafficRig();
      [port = 0] = await freePorts(1);
      await rig.declare('caller', { upstreams: [{ service: 'web', localPort: port }] });
      await rig.declare('web', { protocol: 'http', access: [{ from: 'caller' }] });
      await rig.member('web', 'vm', []);
      await rig.member('caller', 'pod', [{ service: 'web', localPort: port }]);
      await eventually('it answers', 30_000, async () => (await ask(port)).status === 200);
    });
    after(() => rig?.stop());

    it('is taken over by the Envoys of caller and callee', async () => {
      const sample = admitted.slice(0, SAMPLE);
      for (const [index, spec] of sample.entries()) {
        const mark = `/mark-${index}`;
        // A route and a rule of the test's own, first: both proxies have taken the rest over when these two hold.
        const marked: Spec = {
          ...spec,
          protocol: 'http',
          access: [
            { from: 'caller', path: mark },
            ...(spec.access ?? []).filter(({ from, ...rest }) => Object.keys(rest).length > 0 || from !== 'caller'),
          ],
          traffic: {
            ...spec.traffic,
            routes: [
              { name: 'mark', path: mark, rewritePrefix: mark, responseHeaders: { set: { 'x-mark': mark } } },
              ...(spec.traffic?.routes ?? []),
            ],
          },
        };
        await rig.declare('web', marked);
        await eventually(`both proxies have ${JSON.stringify(marked)}`, 20_000, async () => {
          const { status, headers } = await ask(port, mark);
          return status === 200 && headers['x-mark'] === mark;
        });
      }
      console.info(`      ${sample.length} of them taken over by real Envoys`);
      expect(sample.length).to.equal(Math.min(SAMPLE, admitted.length));
    });
  });
});
