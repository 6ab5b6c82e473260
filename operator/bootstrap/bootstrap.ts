import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulDenied, ConsulRefused } from '../../clients/consul/errors.ts';
import { SECRETS } from '../../mesh/installation/installation.ts';
import { configureAcl } from './configure-acl.ts';
import { verifyExternal, verifyPremade } from './external.ts';
import { keepProxyDefaults } from './keep-proxy-defaults.ts';
import { keepMaterial } from './material.ts';
import { type Patience, maySucceedLater, patiently } from './patiently.ts';
import type { SecretStore } from './secret-store.ts';
import type { BootstrapSettings } from './settings.ts';

export interface BootstrapParts extends Omit<Patience, 'patienceMs'> {
  settings: BootstrapSettings;
  store: SecretStore;
  /** A client that trusts `caPem` and sends `token`. `requestTimeoutMs`: to one server; default: the client's own. */
  openConsul(caPem: string, token: string, requestTimeoutMs?: number): Consul;
  /** With external servers only. Throws an Error that names the Secret whose key is missing. */
  readExternal(): { caPem: string; token: string };
}

/** A refusal while another run writes the same, or while a new leader sets its ACLs up, passes; one that stays is a fault. */
const REFUSALS_FORGIVEN = 10;
/** To find out whether any of the servers that were there before answers: somebody waits for the word. */
const VERIFY_MS = 5000;

/**
 * Makes an installation usable: its Secrets, then Consul's ACLs. May stop anywhere, run again, and run twice at once:
 * every secret is stored before it is used, and every step states the wanted result.
 *
 *   Secrets stored -> Consul has a leader -> management token claimed -> policies, tokens, auth methods, binding rules
 *   -> settings of the whole mesh
 */
export async function bootstrap(parts: BootstrapParts): Promise<void> {
  if (parts.settings.external !== undefined) return bootstrapExternal(parts);
  const { settings, store, clock, log } = parts;
  const patience: Patience = { ...parts, patienceMs: settings.patienceMs };
  const material = await patiently('the Kubernetes API', patience, () =>
    keepMaterial({ store, nowMs: clock.now(), bridgeAddresses: settings.bridgeAddresses }),
  );
  log.info('the Secrets are in place');

  const consul = parts.openConsul(material.consulCaPem, material.managementToken);
  try {
    const leader = await patiently('a Consul leader', patience, () => consul.leader());
    log.info({ leader }, 'Consul has a leader');
    const claimed = await patiently(
      'the ACL system',
      patience,
      () => claim(consul, material.managementToken),
      forgiving(),
    );
    log.info({ claimed }, 'the management token is in use');
    await patiently('the ACL rules', patience, () => configureAcl(consul.acl, settings, material), forgiving());
    log.info('the ACL rules are in place');
    const kept = await patiently(
      'the settings of the mesh',
      patience,
      () => keepProxyDefaults(consul, settings.cluster),
      forgiving(),
    );
    if (kept) log.info('the settings of the mesh are in place');
    else log.warn('proxy-defaults were written by another and stay: idle limits above 5m may not hold');
  } finally {
    consul.close();
  }
}

/**
 * The same with servers that were there before. They are asked first whether they can be used: nothing is made, here or
 * there, unless they can. Their token is held no longer than this process runs.
 */
async function bootstrapExternal(parts: BootstrapParts): Promise<void> {
  const { settings, store, clock, log } = parts;
  const { manageAcls } = settings.external!;
  const { caPem, token } = parts.readExternal();
  const patience: Patience = { ...parts, patienceMs: settings.patienceMs };
  // One after the other, so that together they take no longer.
  const verifier = parts.openConsul(caPem, manageAcls ? token : '', VERIFY_MS / settings.consul.addresses.length);
  try {
    await verifyExternal(verifier, settings.cluster, manageAcls ? token : '');
  } finally {
    verifier.close();
  }
  const consul = parts.openConsul(caPem, manageAcls ? token : '');
  try {
    log.info('the Consul servers can be used');
    const material = await patiently('the Kubernetes API', patience, () =>
      keepMaterial({ store, nowMs: clock.now(), bridgeAddresses: settings.bridgeAddresses, externalCaPem: caPem }),
    );
    log.info('the Secrets are in place');
    if (manageAcls) {
      await patiently('the ACL rules', patience, () => configureAcl(consul.acl, settings, material), forgiving());
      log.info('the ACL rules are in place');
    } else {
      await verifyPremade((own) => parts.openConsul(caPem, own), {
        [SECRETS.operator]: material.operator,
        [SECRETS.bridge]: material.bridge,
      });
    }
  } finally {
    consul.close();
  }
}

/** The token is stored before Consul knows it: if this process dies after Consul's answer, nothing is lost. */
async function claim(consul: Consul, managementToken: string): Promise<'done' | 'already'> {
  const claimed = await consul.acl.bootstrap(managementToken);
  try {
    await consul.acl.listPolicies();
  } catch (error) {
    if (!(error instanceof ConsulDenied)) throw error;
    throw new Error(
      `Consul has another management token than Secret ${SECRETS.consulManagement}: put the former one back into the ` +
        `Secret, or make Consul forget it (https://developer.hashicorp.com/consul/docs/security/acl/reset)`,
      { cause: error },
    );
  }
  return claimed;
}

function forgiving(): (error: unknown) => boolean {
  let left = REFUSALS_FORGIVEN;
  return (error) => maySucceedLater(error) || (error instanceof ConsulRefused && left-- > 0);
}
