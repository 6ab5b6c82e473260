import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { REASONS, type Reason } from '../../../crds/reasons.ts';
import { runHealthScript } from '../../support/lua.ts';

const script = readFileSync(new URL('../../../docs/gitops/health.lua', import.meta.url), 'utf8');

type Health = 'Healthy' | 'Progressing' | 'Degraded';

/** The health that Argo CD shows for a MeshService that is not ready. */
const NOT_READY: Partial<Record<Reason, Health>> = {
  ConsulUnavailable: 'Progressing',
  ConsulRefused: 'Degraded',
  NameOwnedByAnother: 'Degraded',
  SomeInstancesNotReady: 'Progressing',
  NoReadyInstances: 'Progressing',
  NoInstances: 'Progressing',
  PodsWithoutSidecar: 'Degraded',
  NamespaceNotEnabled: 'Degraded',
  PortNotFound: 'Degraded',
  TokenUnavailable: 'Progressing',
  InvalidSpec: 'Degraded',
  Deleting: 'Progressing',
};

describe('the Argo CD health script', function () {
  this.timeout(120_000);
  const meshService = (ready: string, reason: string, observedGeneration = 3) => ({
    metadata: { name: 'sub-svc', generation: 3 },
    status: {
      observedGeneration,
      conditions: [
        { type: 'Synced', status: 'True', reason: 'Synced', message: '' },
        { type: 'Ready', status: ready, reason, message: 'why "so"' },
      ],
    },
  });
  const health = (object: object) => runHealthScript(script, object);

  it('says Healthy of one that is ready, with the reason', async () => {
    expect(await health(meshService('True', 'AllInstancesReady'))).to.deep.equal({
      status: 'Healthy',
      message: 'AllInstancesReady: why "so"',
    });
  });

  it('waits for the operator: no status, no condition Ready, or one of an older generation', async () => {
    const waiting = { status: 'Progressing', message: 'The operator has not looked at it yet' };
    expect(await health({ metadata: { generation: 1 } })).to.deep.equal(waiting);
    expect(await health({ metadata: { generation: 1 }, status: {} })).to.deep.equal(waiting);
    expect(await health({ metadata: {}, status: { conditions: [] } })).to.deep.equal(waiting);
    expect(await health(meshService('True', 'AllInstancesReady', 2))).to.deep.equal(waiting);
    expect(await health(meshService('False', 'InvalidSpec', 2))).to.deep.equal(waiting);
  });

  for (const [reason, expected] of Object.entries(NOT_READY)) {
    it(`says ${expected} of ${reason}`, async () => {
      expect((await health(meshService('False', reason))).status).to.equal(expected);
    });
  }

  it('names no reason that there is not', () => {
    const named = [...script.matchAll(/^ {2}(\w+) = true,$/gm)].map(([, reason]) => reason);
    expect(named).to.have.length(6);
    expect(Object.keys(REASONS)).to.include.members(named);
  });
});
