import type { KubeObject } from '../../../clients/kube/object.ts';
import type { RunningLab } from '../../../lab/running.ts';
import {
  CONSUL_SERVER_NAME,
  CONSUL_SERVER_SERVICE,
  NAMESPACE,
  SECRETS,
} from '../../../mesh/installation/installation.ts';

/** The lab's own, which stay: nodes have the name of the kind cluster; its network, and the volumes with their class. */
const OF_THE_LAB =
  /^(Node|CSINode|Lease|Pod)\/.*landbridge-(control-plane|worker)|\/landbridge-cni|^PersistentVolume\/landbridge-consul-\d$|^StorageClass\/landbridge-lab$/;
const CA_FILE = '/consul/tls/ca.crt';
/** Events live for an hour, even when their object is gone. */
const NOT_LISTED = /^events(\.|$)|^podmetrics|^nodemetrics/;

/** The objects of an installation in the lab, on both sides. */
export function labContents(lab: Pick<RunningLab, 'cluster'>) {
  /** Every object of any kind that the API server has and that has our mark: found without our own lists. */
  async function inKubernetes(): Promise<string[]> {
    const kinds = (await lab.cluster.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).split('\n');
    const listed = kinds.filter((kind) => !NOT_LISTED.test(kind)).join(',');
    const all = await lab.cluster.kubectl(['get', listed, '-A', '-o', 'json'], { timeoutMs: 60_000 });
    const { items } = JSON.parse(all) as { items: KubeObject[] };
    return items
      .filter(isOurs)
      .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
      .filter((name) => !OF_THE_LAB.test(name))
      .sort();
  }

  /** What `consul` in the server's own pod lists, with the management token. */
  async function inConsul(): Promise<Record<string, string[]>> {
    const inSystem = ['--namespace', NAMESPACE];
    const secret = ['get', 'secret', SECRETS.consulManagement, ...inSystem, '-o', 'json'];
    const { data } = JSON.parse(await lab.cluster.kubectl(secret)) as { data: Record<string, string> };
    const token = Buffer.from(data['token'] ?? '', 'base64').toString('utf8');
    const reach = [
      '-http-addr=https://127.0.0.1:8501',
      `-ca-file=${CA_FILE}`,
      `-tls-server-name=${CONSUL_SERVER_NAME}`,
    ];
    const consul = async (subcommand: string, ...more: string[]): Promise<string[]> => {
      const call = ['consul', ...subcommand.split(' '), ...reach, `-token=${token}`, ...more];
      const exec = ['exec', `${CONSUL_SERVER_SERVICE}-0`, ...inSystem, '--', ...call];
      return (await lab.cluster.kubectl(exec)).split('\n').filter((line) => line !== '');
    };
    return {
      nodes: await consul('catalog nodes'),
      policies: (await consul('acl policy list')).filter((line) => line.startsWith('landbridge-')),
      methods: (await consul('acl auth-method list')).filter((line) => line.startsWith('landbridge-')),
      tokens: (await consul('acl token list')).filter((line) => line.startsWith('AccessorID')),
      keys: await consul('kv get', '-keys', 'landbridge/'),
    };
  }

  return { inKubernetes, inConsul };
}

/** By name or by any of our groups and labels; pods and Secrets of the user are not, though our label may mark them. */
function isOurs({ kind, apiVersion = '', metadata }: KubeObject): boolean {
  const labels = metadata.labels ?? {};
  if (kind === 'Pod' && metadata.namespace !== NAMESPACE) return false;
  return (
    metadata.name.includes('landbridge') ||
    apiVersion.startsWith('landbridge.dev/') ||
    (metadata.namespace === NAMESPACE && !['kube-root-ca.crt', 'default'].includes(metadata.name)) ||
    labels['app.kubernetes.io/part-of'] === 'landbridge' ||
    labels['app.kubernetes.io/managed-by'] === 'landbridge'
  );
}
