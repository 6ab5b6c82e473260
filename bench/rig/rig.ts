import { rm } from 'node:fs/promises';
import type { Consul } from '../../clients/consul/consul.ts';
import { createAuthority, issue } from '../../clients/pki/authority.ts';
import { type RealConsul, startConsul } from '../../test/support/real/consul.ts';
import { type RealKube, startApiServer } from '../../test/support/real/kube.ts';
import { type ConsulGate, forkGate } from '../gate/fork-gate.ts';
import { type ConsulSight, lookAtConsul } from './consul-sight.ts';
import { type Installation, install } from './installation.ts';
import { type MeshServiceSight, lookAtMeshServices } from './mesh-service-sight.ts';
import { type OperatorProcess, startOperator } from '../../test/support/rigs/operator-process.ts';
import { OPERATOR_HEAP_OPTION, OPERATOR_NODE_OPTIONS } from '../../mesh/installation/installation.ts';
import { type Pods, podsOver } from './pods.ts';

/** Real parts with an operator among them, and the hands and eyes that a measure needs. */
export interface Rig {
  kube: RealKube;
  /** The administrator's client, past the gate. */
  consul: Consul;
  gate: ConsulGate;
  sight: ConsulSight;
  meshServices: MeshServiceSight;
  pods: Pods;
  /** The operator, started again when its verification period (seconds) changes, or when `anew` asks for it. */
  operator(verifySeconds: number, anew?: 'anew'): Promise<OperatorProcess>;
  /** The end of the operator's log; empty before it was started. */
  operatorLog(): string;
  /** A MeshService with `size` ready pods, all passing in Consul; made at the first call. Gives its name. */
  population(size: number): Promise<string>;
}

/** Long enough that no timer of the operator's falls into a measure. */
export const NEVER_VERIFY_SECONDS = 3600;

/** Starts everything but the operator. `undo` gets what ends each part as soon as it is there, so that a stop in the middle finds it. */
export async function startRig(bundle: string, undo: (() => Promise<void>)[]): Promise<Rig> {
  const keep = <T>(thing: T, end: (thing: T) => Promise<void> | void): T => {
    undo.push(async () => end(thing));
    return thing;
  };
  const [kube, server] = await Promise.all([
    startApiServer().then((kube: RealKube) => keep(kube, ({ stop }) => stop())),
    startConsul({ acl: true, tls: true }).then((consul: RealConsul) => keep(consul, ({ stop }) => stop())),
  ]);
  const lifetime = { nowMs: Date.now(), days: 1 };
  const authority = await createAuthority('bench CA', lifetime);
  const shown = await issue(authority, {
    ...lifetime,
    commonName: server.serverName,
    dns: [server.serverName],
    usage: 'server',
  });
  const consulPort = Number(server.address.split(':')[1]);
  const gate = keep(
    await forkGate({ ...shown, consulPort, consulCaPem: server.caPem!, serverName: server.serverName }),
    ({ stop }) => stop(),
  );
  const installed = keep(await install(kube, server, [server.caPem!, authority.certPem]), ({ secrets }) =>
    rm(secrets, { recursive: true, force: true }),
  );
  const consul = keep(server.connect(), (client) => client.close());
  const sight = keep(lookAtConsul(server), (eyes) => eyes.close());
  const meshServices = keep(lookAtMeshServices(kube.client), (eyes) => eyes.close());
  const pods = podsOver(kube.client);

  let running: { operator: OperatorProcess; verifySeconds: number } | undefined;
  keep(undefined, async () => running?.operator.stop());
  const populations = new Map<number, Promise<string>>();

  async function populate(size: number): Promise<string> {
    const service = `n${size}`;
    await pods.declare(service);
    await pods.createReady(service, 0, size);
    await allPassing(sight, service, size);
    await meshServices.until(service, (status) => status.pods === `${size}/${size}`);
    return service;
  }

  return {
    kube,
    consul,
    gate,
    sight,
    meshServices,
    pods,
    async operator(verifySeconds, anew) {
      if (running?.verifySeconds === verifySeconds && anew === undefined) return running.operator;
      await running?.operator.stop();
      running = undefined;
      const env = operatorEnvironment(installed, gate, server, verifySeconds);
      running = { operator: await startOperator(bundle, env), verifySeconds };
      return running.operator;
    },
    operatorLog: () => running?.operator.log() ?? '',
    population(size) {
      const made = populations.get(size) ?? populate(size);
      populations.set(size, made);
      return made;
    },
  };
}

/** Adds to a rise at most this much, and takes no core from it. */
const REST_MS = 20;

/** The apps and their sidecars. */
export async function allPassing(
  sight: ConsulSight,
  service: string,
  size: number,
  deadlineMs = 120_000,
): Promise<void> {
  for (const name of [service, `${service}-sidecar-proxy`]) {
    await sight.until(name, (checks) => checks.length === size && checks.every(({ Status }) => Status === 'passing'), {
      deadlineMs,
      restMs: REST_MS,
    });
  }
}

function operatorEnvironment(
  { kubeconfig, secrets }: Installation,
  gate: ConsulGate,
  consul: RealConsul,
  verifySeconds: number,
): Record<string, string> {
  return {
    KUBECONFIG: kubeconfig,
    LANDBRIDGE_CONSUL_HTTP: gate.address,
    LANDBRIDGE_CONSUL_GRPC: consul.grpcAddress,
    LANDBRIDGE_SECRETS: secrets,
    LANDBRIDGE_SIDECAR_IMAGE: 'landbridge/envoy:bench',
    LANDBRIDGE_VERIFY_SECONDS: `${verifySeconds}`,
    NODE_OPTIONS: `${OPERATOR_NODE_OPTIONS} ${OPERATOR_HEAP_OPTION}`,
    POD_NAMESPACE: 'landbridge',
  };
}
