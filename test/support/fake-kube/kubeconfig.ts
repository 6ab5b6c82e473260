import { dump } from 'js-yaml';

/** The text of a kubeconfig with one context. Without certificates: for a plain loopback server. */
export function kubeconfigWith(access: {
  server: string;
  caPem?: string;
  certPem?: string;
  keyPem?: string;
  namespace?: string;
}): string {
  const { server, caPem, certPem, keyPem, namespace = 'default' } = access;
  const base64 = (pem: string | undefined) => (pem === undefined ? undefined : Buffer.from(pem).toString('base64'));
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace } }],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: 'test', user: { 'client-certificate-data': base64(certPem), 'client-key-data': base64(keyPem) } }],
  };
  return dump(config, { skipInvalid: true });
}
