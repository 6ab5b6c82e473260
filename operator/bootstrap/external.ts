import type { Consul } from '../../clients/consul/consul.ts';
import { ConsulDenied, ConsulUnavailable } from '../../clients/consul/errors.ts';
import { bridgePolicy, operatorPolicy } from './policies.ts';
import type { Holder } from './material.ts';
import { holderDescription } from './configure-acl.ts';

/** Words of OpenSSL and of Node about a certificate that was not made for this or by this CA. */
const TLS = /certificate|altname|self.signed|unable to (get|verify)|wrong version number|SSL|TLS/i;

/**
 * Asks servers that are not ours whether this installation can use them, and writes nothing. Throws one Error that names
 * the value to change. `token` may be empty: then only address and CA are looked at.
 */
export async function verifyExternal(consul: Consul, cluster: string, token: string): Promise<void> {
  try {
    await consul.leader();
  } catch (error) {
    throw unreachable(error);
  }
  if (token === '') return;
  try {
    const foreign = (await consul.acl.listTokens()).find(
      ({ policies, description }) =>
        [operatorPolicy('').name, bridgePolicy.name].some((name) => policies.includes(name)) &&
        description !== holderDescription(policies[0]!, cluster),
    );
    if (foreign !== undefined) {
      throw new Error(
        `these Consul servers serve another installation already ("${foreign.description}", token ${foreign.accessorId}): one cluster a Consul datacenter; if that one is gone, delete its token, or give "cluster" its name`,
      );
    }
  } catch (error) {
    throw error instanceof ConsulDenied ? denied(error) : error;
  }
}

/** Asks whether what had to be made by hand is there. Throws one Error that says what is not. */
export async function verifyPremade(open: (token: string) => Consul, holders: Record<string, Holder>): Promise<void> {
  for (const [name, { accessorId, token }] of Object.entries(holders)) {
    const consul = open(token);
    try {
      await consul.listNodes('k8s.');
    } catch (error) {
      if (!(error instanceof ConsulDenied)) throw error;
      throw new Error(
        `Consul does not take the token of Secret ${name} (accessor ${accessorId}): externalConsul.manageAcls is false, so the policies, tokens and JWT auth methods landbridge-operator and landbridge-bridge have to be made by hand`,
        { cause: error },
      );
    } finally {
      consul.close();
    }
  }
}

function unreachable(error: unknown): Error {
  const said = (error as Error).message;
  if (!(error instanceof ConsulUnavailable)) return error as Error;
  const todo = TLS.test(said)
    ? 'the certificate is not the one expected: check externalConsul.ca and externalConsul.serverName'
    : 'no server answers there: check externalConsul.addresses and what lies between';
  return new Error(`${todo}. ${said}`, { cause: error });
}

const denied = (error: ConsulDenied): Error =>
  new Error(`the token of externalConsul.token cannot be used, it needs acl:write: ${error.message}`, { cause: error });
