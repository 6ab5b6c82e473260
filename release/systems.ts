/** A system that Landbridge is released for, with its name in each world. */
export interface System {
  /** As Node says it, `linux-x64`: the name of the single file. */
  name: string;
  node: { part: string; licence: string };
}

export interface LinuxSystem extends System {
  oci: 'amd64' | 'arm64';
  deb: string;
  rpm: string;
  /** As Node calls the architecture. */
  arch: string;
  envoyPart: string;
}

export const LINUX: readonly LinuxSystem[] = [
  {
    name: 'linux-x64',
    node: { part: 'node', licence: 'node-licence' },
    oci: 'amd64',
    deb: 'amd64',
    rpm: 'x86_64',
    arch: 'x64',
    envoyPart: 'envoy',
  },
  {
    name: 'linux-arm64',
    node: { part: 'node-linux-arm64', licence: 'node-linux-arm64-licence' },
    oci: 'arm64',
    deb: 'arm64',
    rpm: 'aarch64',
    arch: 'arm64',
    envoyPart: 'envoy-arm64',
  },
];

/** Those that have the CLI alone. */
export const OTHERS: readonly System[] = ['darwin-x64', 'darwin-arm64'].map((name) => ({
  name,
  node: { part: `node-${name}`, licence: `node-${name}-licence` },
}));
