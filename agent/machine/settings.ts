import { join } from 'node:path';

import { type Address, parseAddress } from './address.ts';
import { Problem } from '../../base/problem.ts';

/** The folders of the agent, and the programs that it starts. Read once, from the environment. */
export interface Settings {
  /** LANDBRIDGE_STATE_DIR, default /var/lib/landbridge: files that must survive a reboot. */
  stateDir: string;
  /** LANDBRIDGE_CONFIG_DIR, default /etc/landbridge; its services.d holds what runs on this machine. */
  configDir: string;
  /** LANDBRIDGE_RUNTIME_DIR, default /run/landbridge: one folder an instance, and the socket of the local API. */
  runtimeDir: string;
  /** LANDBRIDGE_DOORS_DIR, default /var/lib/landbridge-doors: root's, for the rules that close ports of apps. */
  doorsDir: string;
  /** LANDBRIDGE_ENVOY, default /usr/local/bin/envoy. */
  envoy: string;
  /** LANDBRIDGE_LOG_LEVEL, default info. */
  logLevel: string;
  /** LANDBRIDGE_DRAIN_MS, default 3000: how long callers get to leave before an Envoy is stopped. */
  drainMs: number;
  /** LANDBRIDGE_DNS, default 127.0.0.1:8653: where *.consul is answered on this machine. `off`: nowhere. */
  dns: Address | undefined;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Throws a Problem that names the variable. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const folder = (name: string, standard: string): string => {
    const path = env[name] || standard;
    if (!path.startsWith('/')) throw new Problem(`${name} is ${path}: give an absolute path.`);
    return path;
  };
  const logLevel = env['LANDBRIDGE_LOG_LEVEL'] || 'info';
  if (!LOG_LEVELS.includes(logLevel))
    throw new Problem(`LANDBRIDGE_LOG_LEVEL is ${logLevel}: give one of ${LOG_LEVELS.join(', ')}.`);
  const drainMs = Number(env['LANDBRIDGE_DRAIN_MS'] || 3000);
  if (!(drainMs >= 0 && drainMs <= 60_000))
    throw new Problem(`LANDBRIDGE_DRAIN_MS is ${env['LANDBRIDGE_DRAIN_MS']}: give milliseconds from 0 to 60000.`);
  const dnsText = env['LANDBRIDGE_DNS'] || '127.0.0.1:8653';
  const dns = dnsText === 'off' ? undefined : parseAddress(dnsText);
  if (dns === undefined && dnsText !== 'off')
    throw new Problem(`LANDBRIDGE_DNS is ${dnsText}: give an address such as 127.0.0.1:8653, or off.`);
  return {
    stateDir: folder('LANDBRIDGE_STATE_DIR', '/var/lib/landbridge'),
    configDir: folder('LANDBRIDGE_CONFIG_DIR', '/etc/landbridge'),
    runtimeDir: folder('LANDBRIDGE_RUNTIME_DIR', '/run/landbridge'),
    doorsDir: folder('LANDBRIDGE_DOORS_DIR', '/var/lib/landbridge-doors'),
    envoy: folder('LANDBRIDGE_ENVOY', '/usr/local/bin/envoy'),
    logLevel,
    drainMs,
    dns,
  };
}

export const definitionsFolder = (settings: Settings): string => join(settings.configDir, 'services.d');
export const apiSocket = (settings: Settings): string => join(settings.runtimeDir, 'agent.sock');
