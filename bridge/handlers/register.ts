import { EDGE_SERVICE } from '../../crds/expose.ts';
import { GATEWAY_SERVICE } from '../../crds/gateway.ts';
import type { ExternalRequest, RegisterAnswer } from '../../mesh/outside/bridge-api.ts';
import { name as nameSchema } from '../../mesh/outside/bridge-shapes.ts';
import { OWNER_META } from '../../mesh/catalog/entry.ts';
import { AT_GATEWAY, greetsAtGateway } from '../../mesh/traffic/banner.ts';
import { deciding } from '../admission.ts';
import type { Bridge } from '../api/bridge.ts';
import type { Call } from '../api/call.ts';
import { writeExternalRecord } from '../externals/record.ts';
import { Refusal } from '../refusal.ts';
import { requireAdmitted } from '../api/require-admitted.ts';

/** The parts of the bridge that this touches. */
type Parts = 'consul' | 'externals' | 'log' | 'meshServices';

const MAX_EXTERNALS = 2000;
const OWN_NAMES = ['consul', EDGE_SERVICE, GATEWAY_SERVICE];
/** Written by the bridge; https://developer.hashicorp.com/consul/docs/reference/service#meta has the rules for keys. */
const OWN_META = ['platform', 'site', 'version', 'zone', 'node', 'managed-by'];
const MAX_META = 56;

/** PUT /v1/external/:name: registers a sidecar-less instance, or changes it. The record first: it is what survives. */
export async function register({ bridge, body, name }: Call<Parts, ExternalRequest>): Promise<RegisterAnswer> {
  await requireRegistration(bridge, name, body);
  const known = bridge.externals.get(body.site, name) !== undefined;
  if (!known && bridge.externals.all().length >= MAX_EXTERNALS) {
    throw new Refusal('tooMany', `${MAX_EXTERNALS} sidecar-less instances are registered: deregister some first`);
  }
  if (!(await writeExternalRecord(bridge.consul, { name, wanted: body }))) {
    throw new Refusal('changedMeanwhile', `"${name}" was registered by another at the same moment: look and try again`);
  }
  const problems = await bridge.externals.put(name, body);
  const { health, output } = bridge.externals.get(body.site, name)?.latest ?? { health: 'critical', output: 'removed' };
  bridge.log.info({ name, site: body.site, service: body.service, health }, 'sidecar-less instance registered');
  return { name, site: body.site, health, output, problems };
}

/** Throws a Refusal when the registration is forbidden, even where a part of it exists. */
export async function requireRegistration(
  bridge: Pick<Bridge, Parts>,
  name: string,
  wanted: ExternalRequest,
): Promise<void> {
  requireName(name);
  requireMeta(wanted.meta);
  await requireFreeName(bridge, name, wanted);
}

function requireName(name: string): void {
  const parsed = nameSchema.safeParse(name);
  if (!parsed.success) throw new Refusal('badRequest', `the name of the instance: ${parsed.error.issues[0]!.message}`);
}

function requireMeta(meta: Record<string, string>): void {
  const keys = Object.keys(meta);
  const own = keys.find((key) => OWN_META.includes(key));
  if (own !== undefined) throw new Refusal('badRequest', `meta.${own}: is set by the bridge: choose another key`);
  const bad = keys.find((key) => !/^[A-Za-z0-9_-]+$/.test(key) || /^(consul|landbridge|rpc|serf)-/.test(key));
  if (bad !== undefined) {
    const rule = 'a key has letters, digits, "-" and "_" only, and does not begin with consul- or landbridge-';
    throw new Refusal('badRequest', `meta: the key "${bad.slice(0, 64)}" cannot be used: ${rule}`);
  }
  if (keys.length > MAX_META) throw new Refusal('badRequest', `meta: ${keys.length} pairs; at most ${MAX_META}`);
}

/**
 * Who may add instances to a name without a sidecar:
 *
 * | the name                                      | allowed | why                                                     |
 * |-----------------------------------------------|---------|---------------------------------------------------------|
 * | of a MeshService that admits the site         | yes     | its owner said so                                       |
 * | of one that would let it greet strangers      | no      | see judgementOf                                         |
 * | of a MeshService that does not                | no      | an instance takes a share of its traffic                |
 * | of no MeshService; claimed in Consul          | no      | another cluster or tool owns it; the owner is named     |
 * | of no MeshService, claimed by nobody          | yes     | how a database or a vendor's machine gets a name at all |
 *
 * A MeshService that comes later and does not admit it takes nothing away: what another owner registered stays.
 */
async function requireFreeName(
  bridge: Pick<Bridge, Parts>,
  name: string,
  { service, site }: ExternalRequest,
): Promise<void> {
  if (OWN_NAMES.includes(service) || service.endsWith('-sidecar-proxy')) {
    throw new Refusal('nameOwned', `service: Consul or Landbridge itself uses the name "${service}": choose another`);
  }
  if (!bridge.meshServices.hasSynced || deciding(bridge.meshServices, service) !== undefined) {
    const { judgement } = requireAdmitted(bridge, service, site);
    // One that is registered already may be changed: nobody hears more than before.
    if (greetsAtGateway(judgement) && bridge.externals.get(site, name) === undefined)
      throw new Refusal(
        'callersNotJudged',
        `"${service}" speaks tcp, and its access is not for everybody: ${AT_GATEWAY}`,
      );
    return;
  }
  const claim = (await bridge.consul.readConfig('service-defaults', service))?.entry.Meta[OWNER_META];
  if (claim !== undefined) {
    throw new Refusal('nameOwned', `the name "${service}" is owned by ${claim}: choose another, or ask there`);
  }
}
