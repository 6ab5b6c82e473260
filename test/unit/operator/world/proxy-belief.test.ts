import { expect } from 'chai';
import type { HeldMeshService } from '../../../../operator/world/held-mesh-service.ts';
import { aMeshService, aPodFacts } from '../../../support/builders.ts';
import { refusing, scene } from '../proxy-scene.ts';

describe('the refusals that the operator believes', () => {
  describe('of a caller in another namespace', () => {
    /** What `shop/web` says of a pod of `evil/caller`, which has it as an upstream. */
    const saidOf = async (options: { access?: { from: string }[]; service?: string; holds?: string }) => {
      const made = scene();
      const spec = { protocol: 'http', expose: { hosts: ['web.example'] } as never } as const;
      made.declare('web', { ...spec, ...(options.access ? { access: options.access } : {}) });
      const upstreams = [{ service: 'web', localPort: 9191 }];
      const meshService = aMeshService('caller', {
        upstreams,
        ...(options.service ? { service: options.service } : {}),
      });
      const metadata = { ...meshService.metadata, namespace: 'evil' };
      const status = options.holds ? { consul: { service: options.holds, node: 'n' } } : undefined;
      const held = { metadata, meshService: { ...meshService, metadata }, invalid: undefined, status };
      made.services.set('evil/caller', { ...held, formerServices: [] } as HeldMeshService);
      const pod = aPodFacts('evil-0', { namespace: 'evil', meshService: 'caller', labels: { app: 'caller' } });
      made.pods.set('evil/evil-0', pod);
      made.counters.set('evil-0', refusing(1));
      made.say('web: call 555-0100 to have it mended');
      made.watch.changed(['web']);
      await made.clock.advance(2500);
      expect(made.looked).to.include('evil-0');
      made.stop.abort();
      expect(made.names('evil/caller'), 'its own MeshService').to.deep.equal(['pod evil-0']);
      return made.names('shop/web');
    };

    it('believes nothing when access does not let it in, or lets in a name that it does not hold', async () => {
      expect(await saidOf({ holds: 'caller' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], holds: 'caller' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], service: 'front' })).to.deep.equal([]);
      expect(await saidOf({ access: [{ from: 'front' }], service: 'front', holds: 'other' })).to.deep.equal([]);
    });

    it('shows its refusal when access lets in the name that it holds, or everybody', async () => {
      for (const from of ['caller', '*'])
        expect(await saidOf({ access: [{ from }], holds: 'caller' })).to.deep.equal(['pod evil-0']);
    });
  });
});
