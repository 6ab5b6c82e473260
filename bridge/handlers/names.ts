import { DnsUnavailable } from '../../clients/dns/ask-dns.ts';
import type { NamesAnswer, NamesRequest } from '../../mesh/outside/bridge-api.ts';
import type { Call } from '../api/call.ts';
import { Refusal } from '../refusal.ts';

/** Questions under way, for each host and for admins. */
const underWay = new WeakMap<object, Map<string, number>>();
/** Questions to Consul's DNS, at a time, of all hosts together. */
const MAX_UNDER_WAY = 256;
/** The share of one host: the other hosts keep theirs. */
const MAX_OF_ONE = 32;

/**
 * POST /v1/names: the answer of Consul's DNS, word for word. That port knows no clients, so it is open to the cluster alone, and machines ask through the bridge, which knows them.
 */
export async function names({ bridge, body, peer }: Call<'askName', NamesRequest>): Promise<NamesAnswer> {
  if (bridge.askName === undefined)
    throw new Refusal('noConsulDns', "this bridge knows no DNS of Consul's: set externalConsul.dns to its host:port");
  const counts = underWay.get(bridge) ?? new Map<string, number>();
  underWay.set(bridge, counts);
  const who = peer.kind === 'host' ? `${peer.site}/${peer.host}` : peer.kind;
  const before = counts.get(who) ?? 0;
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (before >= MAX_OF_ONE || all >= MAX_UNDER_WAY)
    throw new Refusal('tooMany', 'too many names are being asked for: try again');
  counts.set(who, before + 1);
  try {
    return { message: (await bridge.askName(body)).toString('base64') };
  } catch (error) {
    if (error instanceof DnsUnavailable) throw new Refusal('consulDnsUnavailable', `${error.message}: try again`);
    throw error;
  } finally {
    const left = counts.get(who)! - 1;
    if (left === 0) counts.delete(who);
    else counts.set(who, left);
  }
}
