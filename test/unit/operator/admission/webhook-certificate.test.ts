import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import type { KubeObject } from '../../../../clients/kube/object.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from '../../../../clients/kube/resources.ts';
import { VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../../../../mesh/installation/installation.ts';
import {
  type WebhookCertificate,
  readCertificate,
  rotateCertificate,
} from '../../../../operator/admission/webhook-certificate.ts';
import { type FakeKube, startFakeKube } from '../../../support/fake-kube/fake-kube.ts';

const DAY_MS = 86_400_000;

type Configuration = KubeObject & { webhooks: { name: string; clientConfig: { caBundle?: string } }[] };

describe('the certificate of the webhook', () => {
  let kube: FakeKube;
  let nowMs: number;
  const options = () => ({ kube: kube.client, namespace: 'landbridge', nowMs: () => nowMs });
  /** The CA bundle of both webhooks at the API server, which has to be the same. */
  const bundle = async (): Promise<string> => {
    const held = await kube.client.get<Configuration>(mutatingWebhookConfigurations, WEBHOOK_CONFIGURATION);
    const other = await kube.client.get<Configuration>(validatingWebhookConfigurations, VALIDATOR_CONFIGURATION);
    const [one, two] = [held, other].map((each) => each!.webhooks[0]!.clientConfig.caBundle ?? '');
    expect(one).to.equal(two);
    return Buffer.from(one!, 'base64').toString();
  };
  /** Whether a client that trusts `cas` accepts what is served. */
  const trusted = ({ serving }: WebhookCertificate, cas: string): boolean =>
    (cas.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).some((ca) =>
      new X509Certificate(serving.certPem).verify(new X509Certificate(ca).publicKey),
    );

  beforeEach(async () => {
    nowMs = Date.now();
    kube = await startFakeKube({
      objects: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'landbridge' } },
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'MutatingWebhookConfiguration',
          metadata: { name: WEBHOOK_CONFIGURATION },
          webhooks: [{ name: 'injector.landbridge.dev', clientConfig: { service: { name: 'x', namespace: 'y' } } }],
        } as KubeObject,
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingWebhookConfiguration',
          metadata: { name: VALIDATOR_CONFIGURATION },
          webhooks: [{ name: 'validator.landbridge.dev', clientConfig: { service: { name: 'x', namespace: 'y' } } }],
        } as KubeObject,
      ],
    });
  });
  afterEach(() => kube.stop());

  it('is one and the same for replicas that start together, and its CA goes to the API server', async () => {
    const [one, two] = await Promise.all([readCertificate(options()), readCertificate(options())]);
    expect(one).to.deep.equal(two);
    const led = await rotateCertificate(options());
    expect(led).to.deep.equal(one);
    expect(await bundle()).to.equal(one.bundle);
    expect(new X509Certificate(one.serving.certPem).subjectAltName).to.contain('landbridge-webhook.landbridge.svc');
  });

  it('is replaced at two thirds of its life, by the same CA', async () => {
    const first = await rotateCertificate(options());
    nowMs += 59 * DAY_MS;
    expect((await rotateCertificate(options())).serving).to.deep.equal(first.serving);
    nowMs += 2 * DAY_MS;
    const second = await rotateCertificate(options());
    expect(second.serving.certPem).not.to.equal(first.serving.certPem);
    expect(second.bundle).to.equal(first.bundle);
  });

  it('changes its CA with both trusted meanwhile: no review is refused at any step', async () => {
    const first = await rotateCertificate(options());
    nowMs += 7 * 365 * DAY_MS;
    const steps: WebhookCertificate[] = [];
    for (let step = 0; step < 4; step++) {
      const before = await bundle();
      const now = await rotateCertificate(options());
      // The new certificate is trusted by the CA bundle from before this step, and by the one after.
      expect(trusted(now, before), `step ${step}, as known before`).to.equal(true);
      expect(trusted(now, await bundle()), `step ${step}, as known after`).to.equal(true);
      steps.push(now);
      nowMs += 61_000;
    }
    expect(steps[0]!.bundle).to.contain(first.bundle.trim());
    expect(steps.at(-1)!.serving.certPem).not.to.equal(first.serving.certPem);
    nowMs += 4 * 365 * DAY_MS;
    const last = await rotateCertificate(options()).then(() => rotateCertificate(options()));
    expect(last.bundle).not.to.contain(first.bundle.trim());
  });

  it('is good again when the clock, which had jumped ahead, is set back', async () => {
    const realMs = nowMs;
    await rotateCertificate(options());
    nowMs = realMs + 7 * 365 * DAY_MS;
    await rotateCertificate(options());
    nowMs += 61_000;
    await rotateCertificate(options());
    nowMs = realMs;
    for (let step = 0; step < 4; step++, nowMs += 61_000) await rotateCertificate(options());
    const { serving, bundle: cas } = await rotateCertificate(options());
    const valid = (pem: string): boolean => {
      const { validFrom, validTo } = new X509Certificate(pem);
      return Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
    };
    expect(valid(serving.certPem)).to.equal(true);
    const [newest = ''] = cas.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    expect(valid(newest)).to.equal(true);
    expect(trusted({ serving, bundle: cas }, newest)).to.equal(true);
    expect(await bundle()).to.equal(cas);
  });

  it('is changed by one of two leaders that overlap, and both go on with the same', async () => {
    await rotateCertificate(options());
    nowMs += 61 * DAY_MS;
    const [one, two] = await Promise.all([rotateCertificate(options()), rotateCertificate(options())]);
    const settled = await readCertificate(options());
    expect([one.serving.certPem, two.serving.certPem]).to.include(settled.serving.certPem);
    expect(await rotateCertificate(options())).to.deep.equal(settled);
  });
});
