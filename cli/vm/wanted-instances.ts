import { hostname } from 'node:os';

import { type InstanceDefinition, parseDefinition } from '../../agent/instances/definitions.ts';
import { Problem } from '../../base/problem.ts';
import { labelValue } from '../../crds/traffic.ts';
import { ipAddress } from '../../mesh/names/host-and-port.ts';
import { name } from '../../mesh/outside/bridge-shapes.ts';
import { localCheckFlag } from './check-flag.ts';
import type { InstanceFlags } from './instance-flags.ts';

/** Throws a Problem where `vm join` would: an invite that cannot work is not made. */
export function mustBeUsable(service: string, flags: InstanceFlags): void {
  wantedInstances(service, flags);
  wantedAddress(flags.address);
  if (flags.hostName !== undefined) wantedHostName(flags.hostName);
}

/** The instances that the flags describe, checked like a file of services.d. */
export function wantedInstances(
  service: string,
  { port, check = 'tcp', version, zone }: InstanceFlags,
): InstanceDefinition[] {
  const wantedCheck = localCheckFlag(check);
  for (const [flag, value] of Object.entries({ '--version': version, '--zone': zone }))
    if (value !== undefined && !labelValue.safeParse(value).success)
      throw new Problem(
        `${flag} ${value}: give 1 to 63 letters, digits and . _ - that begin and end with a letter or digit.`,
      );
  if (port.length === 0 && check !== 'tcp')
    throw new Problem(`--check ${check}: give --port too, an instance without a port has nothing to check.`);
  const instances = port.map((text) => ({ port: wantedPort(text), check: wantedCheck, version, zone }));
  const alone = { port: 0, version, zone };
  const parsed = parseDefinition(
    'flags',
    JSON.stringify({ service, instances: port.length === 0 ? [alone] : instances }),
  );
  if ('problems' in parsed) throw new Problem(`${parsed.problems.join('; ')}.`);
  return parsed.definition.instances;
}

function wantedPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port >= 1 && port <= 65535)) throw new Problem(`--port ${text}: give a number from 1 to 65535.`);
  return port;
}

export function wantedHostName(given: string | undefined): string {
  const host = given ?? hostname().split('.')[0]!.toLowerCase();
  const result = name.safeParse(host);
  if (result.success) return host;
  throw new Problem(
    `${host} cannot be the name of this machine in the mesh: give --host-name (${result.error.issues[0]?.message}).`,
  );
}

/** In the spelling that other machines compare, see mesh/names/host-and-port.ts. */
export function wantedAddress(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const address = ipAddress(given);
  if (address === undefined || ['::', '0.0.0.0'].includes(address))
    throw new Problem(`--address ${given}: give an IP address by which others reach this machine.`);
  return address;
}
