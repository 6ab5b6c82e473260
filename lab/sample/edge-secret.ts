import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createAuthority, issue } from '../../clients/pki/authority.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { edgeCaFile } from '../paths.ts';

/** As the manifests have them. */
export const PLAIN_HOST = 'shop.example';
export const SECURE_HOST = 'secure.shop.example';
const SECRET = 'shop-tls';

/** The Secret that the sample's HTTPS host is served with, of a CA that is made for it; the CA is left for clients to trust. */
export async function keepEdgeSecret(cluster: Cluster, namespace: string): Promise<void> {
  const life = { nowMs: Date.now(), days: 30 };
  const authority = await createAuthority('landbridge lab edge', life);
  const pair = await issue(authority, { ...life, commonName: SECURE_HOST, dns: [SECURE_HOST], usage: 'server' });
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SECRET, namespace },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': pair.certPem, 'tls.key': pair.keyPem },
  };
  await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(secret) });
  mkdirSync(dirname(edgeCaFile), { recursive: true });
  writeFileSync(edgeCaFile, authority.certPem);
}
