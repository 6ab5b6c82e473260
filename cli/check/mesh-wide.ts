import { changedByMesh, changedByProxyDefaults } from '../../mesh/catalog/mesh-wide.ts';
import { type Check, ok, warning } from './check.ts';

/** Entries for all proxies of the Consul, which anybody with rights there may have written. */
export const meshWideChecks: Check[] = [
  {
    name: 'no entry for the whole mesh changes what MeshServices ask for',
    hint: 'mesh-wide-entries',
    async run(look) {
      const consul = await look.consul();
      const [defaults, mesh] = await Promise.all([
        consul.readConfig('proxy-defaults', 'global'),
        consul.readConfig('mesh', 'mesh'),
      ]);
      const changed = [
        ...changedByProxyDefaults(defaults?.entry).map((change) => `proxy-defaults/global: ${change}`),
        ...changedByMesh(mesh?.entry).map((change) => `mesh/mesh: ${change}`),
      ];
      return changed.length === 0 ? ok() : warning(changed.join('; '));
    },
  },
];
