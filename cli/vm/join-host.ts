import { access, chmod, chown, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { sourceAddress } from '../../agent/machine/address.ts';
import { makeBridgeClient } from '../../agent/bridge-client.ts';
import { makeKey, makeRequest } from '../../agent/state/certificate.ts';
import { Problem } from '../../base/problem.ts';
import type { Settings } from '../../agent/machine/settings.ts';
import { type HostState, openState } from '../../agent/state/state.ts';
import type { JoinAnswer } from '../../mesh/outside/bridge-api.ts';
import type { Invite } from '../../mesh/outside/invite.ts';
import { thisProgram } from './agent-unit.ts';
import { firstContact } from './first-contact.ts';
import { mustRunAs } from './must-run-as.ts';

export interface JoinOptions {
  settings: Settings;
  invite: Invite;
  /** Name of this machine, unique within its site. */
  hostName: string;
  /** Fixed address for other sidecars; undefined: the source address of the route to the bridge, followed as it changes. */
  address: string | undefined;
  /** The user of the agent; undefined: the user that joins. */
  owner: { uid: number; gid: number } | undefined;
}

const LIMITS = { connectMs: 5000, answerMs: 20_000 };

/** Spends the invite and writes the host's membership. Everything that can be wrong on this side is looked at before. */
export async function joinHost(options: JoinOptions): Promise<HostState> {
  const { settings, invite, hostName, owner } = options;
  await mustRun(settings.envoy);
  if (owner) await mustRunAs(owner, [thisProgram(), [settings.envoy]]);
  // Its parents, where it makes them, are for all; the folder itself is not.
  await mkdir(dirname(settings.stateDir), { recursive: true, mode: 0o755 });
  if (await mkdir(settings.stateDir, { recursive: true })) await chmod(settings.stateDir, 0o750);
  if (owner && (await stat(settings.stateDir)).uid !== owner.uid) await chown(settings.stateDir, owner.uid, owner.gid);
  const state = openState(settings.stateDir);
  const before = await state.readHost();
  if (before !== undefined) mustBeSame(before, invite, hostName);

  const { bridge, bridgeCa } = await firstContact(invite.bridges, invite.caFingerprint);
  const address = options.address ?? (await sourceAddress(bridge));
  if (address === undefined)
    throw new Problem('This machine has no route to the bridge: give its address with --address.');

  const identity = before && (await state.readIdentity());
  const key = (await state.readKey()) ?? (await makeKey());
  await state.writeIdentity({ key });
  const client = makeBridgeClient({
    bridges: invite.bridges,
    credentials: { bridgeCa, key, certificate: identity?.certificate },
    limits: () => LIMITS,
  });
  try {
    const { id, secret } = invite;
    const body = { invite: { id, secret }, host: hostName, address, csr: await makeRequest(key, hostName) };
    const answer = await client.post<JoinAnswer>('/v1/join', body);
    await state.writeIdentity({ certificate: answer.certificate, bridgeCa: answer.bridgeCa });
    const { host, site, bridges, leaseMs, consul } = answer;
    const addressMode = options.address === undefined ? 'follow' : 'fixed';
    const joined: HostState = { host, site, bridges, leaseMs, consul, address, addressMode };
    await state.writeHost(joined);
    return joined;
  } finally {
    client.close();
  }
}

async function mustRun(envoy: string): Promise<void> {
  await access(envoy, constants.X_OK).catch(() => {
    throw new Problem(`Envoy is missing at ${envoy}: install it there, or say where it is with LANDBRIDGE_ENVOY.`);
  });
}

function mustBeSame(before: HostState, invite: Invite, hostName: string): void {
  const leave = 'run landbridge vm leave --all first';
  if (before.site !== invite.site)
    throw new Problem(`This machine is at site ${before.site}, and the invite is for ${invite.site}: ${leave}.`);
  if (before.host !== hostName)
    throw new Problem(
      `This machine has joined as ${before.host}, not ${hostName}: ${leave}, or leave --host-name out.`,
    );
}
