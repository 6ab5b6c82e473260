import { skewProblem, toldSkew } from '../../mesh/outside/call-doubt.ts';
import type { BeatAnswer, BeatRequest, ServicePlan } from '../../mesh/outside/bridge-api.ts';
import { sidecarId } from '../../mesh/names/names.ts';
import { inParallel } from '../../base/in-parallel.ts';
import { admit } from '../admission.ts';
import type { Bridge } from '../api/bridge.ts';
import type { HostCall } from '../api/call.ts';
import { claimHost, rivalNote } from '../hosts/claim.ts';
import type { Host } from '../hosts/hosts.ts';
import { type Pace, paceHosts } from '../api/pace.ts';
import { Refusal } from '../refusal.ts';
import { flippedNode, orphanPlans, stoppedBeat, vmNodeEntry } from '../hosts/vm-node.ts';

/** The parts of the bridge that this touches. */
type Parts =
  'clock' | 'hosts' | 'leaseMs' | 'leases' | 'log' | 'meshServices' | 'metrics' | 'sidecarReach' | 'tokens' | 'writer';

const LOGINS_AT_A_TIME = 8;
/** An agent sends three a lease and one for each change. A host that sends more gets its answers later, because beats are writes in Consul. */
const PACE = { burst: 100, everyMs: 100 };
/** An agent sends one at a time; one more may be left over from a connection that broke. */
const MAX_UNDER_WAY = 4;
const paces = new WeakMap<object, Pace>();
const underWay = new WeakMap<Host, number>();
/** A beat has to be answered within a quarter of a lease, when the agent gives up on it. */
const PATIENCE_SHARE = 1 / 8;

/**
 * POST /v1/beat: holds the lease, and makes Consul hold what the host says. Nothing is awaited before it is known what
 * is wanted, so that a revocation that comes meanwhile has the last word.
 */
export async function beat(call: HostCall<Parts, BeatRequest>): Promise<BeatAnswer> {
  const { bridge, host, body } = call;
  const { leaves } = body.run ?? {};
  claimHost(bridge, host, body.run, body.address);
  bridge.leases.heard(host);
  host.calledFrom = call.remoteAddress;
  if (call.sentAtMs !== undefined) host.skewMs = toldSkew(host.skewMs, call.sentAtMs - bridge.clock.now());
  const others = underWay.get(host) ?? 0;
  if (others >= MAX_UNDER_WAY)
    throw new Refusal(
      'tooMany',
      `${others} beats of host "${host.host}" are being answered: the lease is held; try again`,
    );
  underWay.set(host, others + 1);
  try {
    return await answerBeat(leaves ? { ...call, body: stoppedBeat(body) } : call);
  } finally {
    underWay.set(host, underWay.get(host)! - 1);
  }
}

async function answerBeat(call: HostCall<Parts, BeatRequest>): Promise<BeatAnswer> {
  const { bridge, host, body } = call;
  bridge.metrics.beats.inc();
  refuseDuplicates(body);
  const patienceMs = bridge.leaseMs * PATIENCE_SHARE;
  const { plans, orphaned, refused, unknown } = judgeServices(call);
  if (unknown) {
    // Missing news must not refuse or admit an instance. Registered instances still turn up or down.
    const known = bridge.writer.wanted(host.node);
    if (known !== undefined) await bridge.writer.want(host.node, host.owner, flippedNode(known, body), patienceMs);
    throw new Refusal(
      'meshServicesUnknown',
      'the bridge has not read the MeshServices yet: the lease is held; try again',
    );
  }
  const held = bridge.writer.held(host.node);
  const members = new Map([...plans, ...orphanPlans(orphaned, bridge.writer.wanted(host.node))]);
  bridge.tokens.end(host, (service) => !members.has(service));
  const skew = skewProblem(`the clock of ${host.host}`, host.skewMs);
  const doubtOf = (id: string): string | undefined => skew ?? bridge.sidecarReach.problemOf(host, id);
  const desired = vmNodeEntry(host, body, members, held, { doubtOf, doors: host.doors });
  const written = bridge.writer.want(host.node, host.owner, desired, patienceMs);
  const pace = paces.get(bridge) ?? paceHosts(bridge.clock, PACE);
  paces.set(bridge, pace);
  const earlyMs = Math.min(pace.take(host), patienceMs);
  const slowed = earlyMs > 0 ? bridge.clock.wait(earlyMs, new AbortController().signal) : undefined;
  const [problems, issued] = await Promise.all([written, issueTokens(call, members, patienceMs), slowed]);
  return {
    leaseMs: bridge.leaseMs,
    services: [...plans.values()],
    tokens: issued.tokens,
    refused,
    problems: [...problems, ...issued.problems, ...orphaned.values(), ...doubtsOf(bridge, host, body)],
  };
}

/** The doubts that lists of instances show beside the machine. The clock is not among them: an agent measures that itself. */
function doubtsOf(bridge: Pick<Bridge, Parts>, host: Host, { instances }: BeatRequest): string[] {
  const unreached = instances.flatMap(({ id, health }) => {
    const problem = health === 'passing' ? bridge.sidecarReach.problemOf(host, id) : undefined;
    return problem === undefined ? [] : [`calls of ${id} may fail: ${problem}`];
  });
  return [rivalNote(bridge, host) ?? [], unreached].flat();
}

/** The present facts of MeshServices about the services that the host has joined, and about others in its beat. */
function judgeServices({ bridge, host, body }: HostCall<Parts, BeatRequest>) {
  const joined = host.held?.record.services ?? [];
  const plans = new Map<string, ServicePlan>();
  const refused: BeatAnswer['refused'] = [];
  /** The sentence, by service. */
  const orphaned = new Map<string, string>();
  let unknown = false;
  for (const service of joined) {
    const admission = admit(bridge.meshServices, service, host.site);
    if (admission.kind === 'admitted') plans.set(service, admission.plan);
    else if (admission.kind === 'orphaned') orphaned.set(service, `${service} goes on as it was: ${admission.message}`);
    else if (admission.kind === 'refused') refused.push({ service, message: admission.message });
    else unknown = true;
  }
  const named = new Set([...body.instances.map((instance) => instance.service), ...body.wantTokens]);
  for (const service of [...named].filter((one) => !joined.includes(one)).sort()) {
    const message = `host "${host.host}" has not joined "${service}": run landbridge vm join with an invite for it (landbridge vm invite ${service} --site ${host.site})`;
    refused.push({ service, message });
  }
  return { plans, orphaned, refused, unknown };
}

/** Two registrations of one id would replace each other for ever. */
function refuseDuplicates({ instances }: BeatRequest): void {
  const seen = new Set<string>();
  for (const id of instances.flatMap((instance) => [instance.id, sidecarId(instance.id)])) {
    if (seen.has(id)) {
      throw new Refusal('duplicateInstance', `instances: the id "${id}" is there twice: give each its own`);
    }
    seen.add(id);
  }
}

async function issueTokens(
  { bridge, host, body }: HostCall<Parts, BeatRequest>,
  plans: Map<string, ServicePlan>,
  patienceMs: number,
) {
  const wanted = [...new Set([...body.wantTokens, ...bridge.tokens.owed(host)])].filter((service) =>
    plans.has(service),
  );
  const tokens: BeatAnswer['tokens'] = [];
  const problems: string[] = [];
  if (wanted.length === 0) return { tokens, problems };
  const waiting = new AbortController();
  const late = bridge.clock.wait(patienceMs, waiting.signal).then(() => 'late' as const);
  await inParallel(wanted, LOGINS_AT_A_TIME, async (service) => {
    try {
      const token = await Promise.race([bridge.tokens.issue(host, service), late]);
      if (token === 'late') problems.push(`no Consul token for "${service}" yet: ask again`);
      else tokens.push(token);
    } catch (error) {
      bridge.log.warn({ err: error, site: host.site, host: host.host, service }, 'issuing a Consul token failed');
      problems.push(`no Consul token for "${service}" just now: ${(error as Error).message}`);
    }
  });
  waiting.abort();
  return { tokens, problems };
}
