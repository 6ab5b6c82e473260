import { X509Certificate } from 'node:crypto';
import type { KubeClient } from '../../clients/kube/client.ts';
import { isAlreadyExists, isConflict } from '../../clients/kube/errors.ts';
import type { KubeObject } from '../../clients/kube/object.ts';
import {
  type Resource,
  mutatingWebhookConfigurations,
  secrets,
  validatingWebhookConfigurations,
} from '../../clients/kube/resources.ts';
import { secretData, secretText } from '../../clients/kube/secret.ts';
import { type KeyPair, createAuthority, isDue, issue } from '../../clients/pki/authority.ts';
import {
  VALIDATOR_CONFIGURATION,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SECRET,
  WEBHOOK_SERVICE,
} from '../../mesh/installation/installation.ts';
import { type CertificateFacts, certificateStep } from './certificate-step.ts';

/** The API server reloads webhook configurations within seconds of a change; a minute is plenty. */
const SETTLE_MS = 60_000;
const CA_DAYS = 3650;
const SERVING_DAYS = 90;

export interface WebhookCertificateOptions {
  kube: Pick<KubeClient, 'get' | 'create' | 'patchMerge' | 'patchJson'>;
  namespace: string;
  nowMs: () => number;
}

interface CertificateSecret extends KubeObject {
  data: Record<string, string>;
}

const ANNOTATION_BUNDLE_SINCE = 'landbridge.dev/bundle-since';

/** The certificate of a replica, and the CA bundle for clients (PEM, newest CA first). */
export interface WebhookCertificate {
  serving: KeyPair;
  bundle: string;
}

/** Reads the certificate, and makes a missing one. Any replica may do this; the first create wins. */
export async function readCertificate(options: WebhookCertificateOptions): Promise<WebhookCertificate> {
  return unpack(await readOrCreate(options));
}

/**
 * Makes one step of the rotation when one is due, and tells the API server whom to trust. Only the leader calls it.
 * Answers the certificate to serve with from now on. Throws a KubeError; calling again goes on where it stopped.
 */
export async function rotateCertificate(options: WebhookCertificateOptions): Promise<WebhookCertificate> {
  const { kube } = options;
  let secret = await readOrCreate(options);
  const next = await stepped(secret, options);
  if (next !== undefined) {
    try {
      secret = await kube.patchMerge(secrets, WEBHOOK_SECRET, options.namespace, next);
    } catch (error) {
      if (!isConflict(error)) throw error;
      secret = await readOrCreate(options);
    }
  }
  const certificate = unpack(secret);
  await publishBundle(kube, mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION, certificate.bundle);
  await publishBundle(kube, validatingWebhookConfigurations, VALIDATOR_CONFIGURATION, certificate.bundle);
  return certificate;
}

async function readOrCreate(options: WebhookCertificateOptions): Promise<CertificateSecret> {
  const { kube, namespace, nowMs } = options;
  const found = await kube.get<CertificateSecret>(secrets, WEBHOOK_SECRET, namespace);
  if (found !== undefined) return found;
  const authority = await createAuthority('landbridge webhook CA', { nowMs: nowMs(), days: CA_DAYS });
  const serving = await issueServing(authority, options);
  try {
    return await kube.create(secrets, pack(options, authority.certPem, authority.keyPem, serving));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return (await kube.get<CertificateSecret>(secrets, WEBHOOK_SECRET, namespace))!;
  }
}

async function stepped(
  secret: CertificateSecret,
  options: WebhookCertificateOptions,
): Promise<CertificateSecret | undefined> {
  const now = options.nowMs();
  const cas = splitPem(secretText(secret, 'ca.crt'));
  const newest = { certPem: cas[0]!, keyPem: secretText(secret, 'ca.key') };
  const current = unpack(secret).serving;
  // The resourceVersion makes the patch fail when another replica was first.
  const write = (bundle: string[], caKey: string, serving: KeyPair): CertificateSecret => {
    const packed = pack(options, bundle.join(''), caKey, serving);
    return { ...packed, metadata: { ...packed.metadata, resourceVersion: secret.metadata.resourceVersion } };
  };
  switch (certificateStep(factsOf(secret, cas, current, now))) {
    case 'none':
      return undefined;
    case 'addCa': {
      const authority = await createAuthority('landbridge webhook CA', { nowMs: now, days: CA_DAYS });
      return write([authority.certPem, ...cas], authority.keyPem, current);
    }
    case 'issueServing':
      return write(cas, newest.keyPem, await issueServing(newest, options));
    case 'dropExpired':
      return write(
        cas.filter((ca) => Date.parse(new X509Certificate(ca).validTo) > now),
        newest.keyPem,
        current,
      );
  }
}

function factsOf(secret: CertificateSecret, cas: string[], serving: KeyPair, now: number): CertificateFacts {
  const since = Date.parse(secret.metadata.annotations?.[ANNOTATION_BUNDLE_SINCE] ?? '');
  return {
    caDue: isDue(cas[0]!, now),
    trusted: cas.length,
    expired: cas.filter((ca) => Date.parse(new X509Certificate(ca).validTo) <= now).length,
    servingDue: isDue(serving.certPem, now),
    servingByNewest: new X509Certificate(serving.certPem).verify(new X509Certificate(cas[0]!).publicKey),
    // A time to come was written under a clock that was ahead: nobody knows when that was, and it says nothing.
    bundleSettled: now - since >= SETTLE_MS || since > now,
  };
}

const issueServing = (authority: KeyPair, { namespace, nowMs }: WebhookCertificateOptions): Promise<KeyPair> =>
  issue(authority, {
    commonName: `${WEBHOOK_SERVICE}.${namespace}.svc`,
    dns: [`${WEBHOOK_SERVICE}.${namespace}.svc`, `${WEBHOOK_SERVICE}.${namespace}.svc.cluster.local`],
    usage: 'server',
    nowMs: nowMs(),
    days: SERVING_DAYS,
  });

/** Writes caBundle only where it differs, and only that field: the rest of the configuration is the chart's. */
async function publishBundle(
  kube: WebhookCertificateOptions['kube'],
  resource: Resource,
  name: string,
  bundle: string,
): Promise<void> {
  interface Configuration {
    webhooks?: { name: string; clientConfig: { caBundle?: string } }[];
  }
  const configuration = await kube.get<Configuration>(resource, name);
  const caBundle = Buffer.from(bundle).toString('base64');
  const patch = (configuration?.webhooks ?? []).flatMap((webhook, index) => {
    if (webhook.clientConfig.caBundle === caBundle) return [];
    return [
      { op: 'test' as const, path: `/webhooks/${index}/name`, value: webhook.name },
      { op: 'add' as const, path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
    ];
  });
  if (patch.length > 0) await kube.patchJson(resource, name, undefined, patch);
}

function pack(options: WebhookCertificateOptions, bundle: string, caKey: string, serving: KeyPair): CertificateSecret {
  const data = { 'ca.crt': bundle, 'ca.key': caKey, 'tls.crt': serving.certPem, 'tls.key': serving.keyPem };
  return {
    metadata: {
      name: WEBHOOK_SECRET,
      namespace: options.namespace,
      annotations: { [ANNOTATION_BUNDLE_SINCE]: new Date(options.nowMs()).toISOString() },
    },
    type: 'Opaque',
    data: secretData(data),
  };
}

const unpack = (secret: CertificateSecret): WebhookCertificate => ({
  serving: { certPem: secretText(secret, 'tls.crt'), keyPem: secretText(secret, 'tls.key') },
  bundle: secretText(secret, 'ca.crt'),
});

const splitPem = (bundle: string): string[] =>
  bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g)?.map((pem) => `${pem.trim()}\n`) ?? [];
