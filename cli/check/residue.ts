import type { Consul } from '../../clients/consul/consul.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import { meshServices, secrets } from '../../clients/kube/resources.ts';
import { EDGE_SERVICE } from '../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import { CONFIG_KINDS, OWNER_META } from '../../mesh/catalog/entry.ts';
import { NAMESPACE } from '../../mesh/installation/installation.ts';
import {
  bridgeOwner,
  clusterNode,
  externalNode,
  meshServiceOwner,
  podsNode,
  sidecarSecret,
  vmNode,
} from '../../mesh/names/names.ts';
import { MANAGED } from '../../operator/sidecar-secret/sidecar-secret.ts';
import { ANNOTATION_LIFE } from '../../operator/sidecar-secret/sidecar-token.ts';
import { type Check, ok, warning } from './check.ts';
import { type Look, clusterNameOf } from './look.ts';

/** The operator keeps these as it keeps MeshServices, and takes them away itself when the values no longer ask for them. */
const GATEWAYS = [EDGE_SERVICE, GATEWAY_SERVICE].map((name) => ({ namespace: NAMESPACE, name }));

/** Objects of ours that belong to nobody now. */
export const residueChecks: Check[] = [
  {
    name: "every sidecar Secret is a MeshService's, with a token that is good",
    hint: 'stale-secrets',
    async run({ kube, nowMs }) {
      const [asked, held] = await Promise.all([
        kube.list<KubeObject>(meshServices, { metadataOnly: true }),
        kube.list<KubeObject>(secrets, { labelSelector: MANAGED, metadataOnly: true }),
      ]);
      const wanted = new Set(
        asked.items.map(({ metadata: { namespace, name } }) => `${namespace}/${sidecarSecret(name)}`),
      );
      const stale = held.items.flatMap(({ metadata: { namespace, name, annotations } }) => {
        const life = annotations?.[ANNOTATION_LIFE];
        // The installation's own Secrets carry the same label, and no token of a sidecar.
        if (life === undefined) return [];
        const ofGateway = GATEWAYS.some((one) => one.namespace === namespace && sidecarSecret(one.name) === name);
        if (!ofGateway && !wanted.has(`${namespace}/${name}`))
          return [`${namespace}/${name} (its MeshService is gone)`];
        const until = Date.parse(life.split('/')[1] ?? '');
        return until < nowMs() ? [`${namespace}/${name} (its token ended ${new Date(until).toISOString()})`] : [];
      });
      return stale.length === 0 ? ok(`${wanted.size} of them`) : warning(stale.join('; '));
    },
  },
  {
    name: "everything of ours in Consul is a MeshService's or a machine's",
    hint: 'orphans-in-consul',
    async run(look) {
      const cluster = await clusterNameOf(look);
      if (cluster === undefined) return warning('no operator says what this cluster is called in Consul');
      const consul = await look.consul();
      const { items } = await look.kube.list<KubeObject>(meshServices, { metadataOnly: true });
      const names = items.map(({ metadata: { namespace = '', name } }) => ({ namespace, name }));
      const orphans = [
        ...(await orphanNodes(
          consul,
          prefixOf(podsNode(cluster, '', '')),
          (node) =>
            node === clusterNode(cluster) ||
            [...names, ...GATEWAYS].some(({ namespace, name }) => node === podsNode(cluster, namespace, name)),
        )),
        ...(await orphanEntries(consul, prefixOf(meshServiceOwner(cluster, '', '')), (owner) =>
          names.some(({ namespace, name }) => owner === meshServiceOwner(cluster, namespace, name)),
        )),
        ...(await orphanMachines(look, consul)),
      ];
      return orphans.length === 0 ? ok() : warning(orphans.join('; '));
    },
  },
];

async function orphanNodes(consul: Consul, prefix: string, isKnown: (node: string) => boolean): Promise<string[]> {
  const ours = (await consul.listNodes(prefix)).filter(({ meta }) => meta[OWNER_META] !== undefined);
  return ours.filter(({ name }) => !isKnown(name)).map(({ name }) => `node ${name}`);
}

async function orphanEntries(consul: Consul, prefix: string, isKnown: (owner: string) => boolean): Promise<string[]> {
  const held = await Promise.all(CONFIG_KINDS.map((kind) => consul.listConfig(kind)));
  return held.flat().flatMap(({ entry: { Kind, Name, Meta } }) => {
    const owner = Meta[OWNER_META];
    return owner?.startsWith(prefix) && !isKnown(owner) ? [`${Kind} ${Name} of ${owner}`] : [];
  });
}

/** Nodes of the bridge that the bridge itself does not know. */
async function orphanMachines(look: Look, consul: Consul): Promise<string[]> {
  const answer = await look.instances();
  if (answer === undefined) return [];
  const known = new Set(
    answer.instances.map(({ platform, site, host }) =>
      platform === 'vm' ? vmNode(site, host) : externalNode(site, host),
    ),
  );
  const prefixes = [prefixOf(vmNode('', '')), prefixOf(externalNode('', ''))];
  const nodes = (await Promise.all(prefixes.map((prefix) => consul.listNodes(prefix)))).flat();
  const ownPrefix = prefixOf(bridgeOwner('', ''));
  return nodes.flatMap(({ name, meta }) =>
    meta[OWNER_META]?.startsWith(ownPrefix) && !known.has(name) ? [`node ${name}`] : [],
  );
}

/** `k8s.lab.` for `k8s.lab..`: the common beginning of all names with other last parts. */
const prefixOf = (name: string): string => name.replace(/([./])[./]*$/, '$1');
