import { DnsUnavailable } from '../../clients/dns/ask-dns.ts';
import type { NamesAnswer, NamesRequest } from '../../mesh/bridge-api.ts';
import type { Bridge } from '../bridge.ts';
import type { Call } from '../call.ts';
import { Refusal } from '../refusal.ts';

const underWay = new WeakMap<Bridge, number>();
/** Questions to Consul's DNS, at a time, of all hosts together. */
const MAX_UNDER_WAY = 256;

/**
 * POST /v1/names: what Consul's DNS says, word for word. That port knows no clients, so it is open to the cluster alone,
 * and machines ask by way of the bridge, which knows them.
 */
export async function names({ bridge, body }: Call<NamesRequest>): Promise<NamesAnswer> {
  if (bridge.askName === undefined)
    throw new Refusal('noConsulDns', "this bridge knows no DNS of Consul's: set externalConsul.dns to its host:port");
  const before = underWay.get(bridge) ?? 0;
  if (before >= MAX_UNDER_WAY) throw new Refusal('tooMany', 'too many names are being asked for: try again');
  underWay.set(bridge, before + 1);
  try {
    return { message: (await bridge.askName(body)).toString('base64') };
  } catch (error) {
    if (error instanceof DnsUnavailable) throw new Refusal('consulDnsUnavailable', `${error.message}: try again`);
    throw error;
  } finally {
    underWay.set(bridge, underWay.get(bridge)! - 1);
  }
}
