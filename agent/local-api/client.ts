import { request } from 'node:http';

import type { DrainAnswer } from './server.ts';
import { Problem, codeOf, messageOf } from '../../base/problem.ts';
import type { Finding } from '../reach/self-test.ts';
import type { AgentStatus } from './status.ts';
import type { Upgraded } from '../instances/upgrade-envoys.ts';

/** The agent's local API, from the outside. All functions throw a Problem that says what to do. */
export interface LocalClient {
  status(): Promise<AgentStatus>;
  drain(target: string, waitMs: number): Promise<DrainAnswer>;
  undrain(target: string): Promise<{ undrained: string[] }>;
  reload(): Promise<AgentStatus>;
  test(): Promise<{ findings: Finding[] }>;
  upgradeEnvoys(): Promise<{ upgraded: Upgraded[] }>;
  /** As SIGTERM does; ends when the agent has taken it. */
  stop(): Promise<void>;
}

/** After a reboot without the unit enabled nothing else is wrong, so the line that mends this comes first. */
const NOT_RUNNING =
  'The agent is not running on this machine: systemctl enable --now landbridge-agent starts it, now and at each boot. ' +
  'If it ends again, journalctl -u landbridge-agent says why. Without systemd: landbridge agent run.';

/** One instance after the other. */
const UPGRADE_MS = 120_000;

/** `patienceMs`: default 15 s, longer than any beat. */
export function localClient(socketPath: string, patienceMs = 15_000): LocalClient {
  const ask = async <T>(method: string, path: string, body?: object, moreMs = 0): Promise<T> => {
    const { status, text } = await send(socketPath, method, path, body, patienceMs + moreMs);
    const value = JSON.parse(text) as T & { message?: string };
    if (status !== 200) throw new Problem(value.message ?? `The agent answered ${status}.`);
    return value;
  };
  return {
    status: () => ask('GET', '/status'),
    drain: (target, waitMs) => ask('POST', '/drain', { target, waitMs }, waitMs),
    undrain: (target) => ask('POST', '/undrain', { target }),
    test: () => ask('POST', '/test', {}),
    reload: () => ask('POST', '/reload', {}),
    upgradeEnvoys: () => ask('POST', '/upgrade-envoys', {}, UPGRADE_MS),
    stop: () => ask('POST', '/stop', {}),
  };
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body: object | undefined,
  patienceMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs);
    const asked = request({ socketPath, method, path, signal, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.once('error', (error) => reject(new Problem(sentence(error, socketPath))));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function sentence(error: Error, socketPath: string): string {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return NOT_RUNNING;
    case 'EACCES':
      return `You may not use ${socketPath}: be root, or in the group landbridge.`;
    default:
      return `The agent does not answer (${messageOf(error)}): see journalctl -u landbridge-agent.`;
  }
}
