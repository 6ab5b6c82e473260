import { Command } from 'commander';
import type { DeregisterAnswer, RegisterAnswer } from '../../mesh/outside/bridge-api.ts';
import { ipAddress } from '../../mesh/names/host-and-port.ts';
import { checkFlag } from '../vm/check-flag.ts';
import { type BridgeFlags, askBridge, bridgeAccess, withBridgeFlags } from '../bridge-admin.ts';

interface RegisterFlags extends BridgeFlags {
  address: string;
  port: string;
  check: string;
  interval?: string;
  timeout?: string;
  service?: string;
  site: string;
  tag: string[];
  meta: string[];
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** `landbridge register`: an instance on a machine that nobody may touch; the bridge checks it. */
export function registerCommand(): Command {
  return withBridgeFlags(new Command('register'))
    .description(
      'register an instance without a sidecar, which the bridge checks; again with the same name changes it. Exit code 3: it is registered, and its check fails',
    )
    .argument('<name>', 'name of the instance, unique within its site')
    .requiredOption('--address <address>', 'IP address or host name, as the bridge reaches it')
    .requiredOption('--port <port>', 'where it listens')
    .requiredOption(
      '--check <check>',
      'http:PATH (wants 2xx or 3xx), tcp (wants a connection) or grpc[:SERVICE] (wants SERVING)',
    )
    .option('--interval <ms>', 'milliseconds between checks, 200 to 60000; default 1000')
    .option('--timeout <ms>', 'milliseconds for one check, 50 to 30000; default 1000')
    .option('--service <service>', 'Consul name of its service; default: NAME')
    .option('--site <site>', 'where it is', 'external')
    .option('--tag <tag>', 'Consul tag; repeat for more', collect, [])
    .option('--meta <key=value>', 'Consul service metadata; repeat for more', collect, [])
    .action(async (name: string, flags: RegisterFlags) => {
      const body = registration(name, flags);
      const path = `/v1/external/${encodeURIComponent(name)}`;
      const answer = await askBridge<RegisterAnswer>(await bridgeAccess(flags), 'PUT', path, body);
      process.stdout.write(`registered ${answer.name} at site ${answer.site}: ${answer.health} (${answer.output})\n`);
      for (const problem of answer.problems) process.stderr.write(`warning: ${problem}\n`);
      if (answer.health === 'passing') return;
      process.stderr.write(
        `warning: its check fails, so it gets no traffic: compare --address, --port and --check; the bridge goes on trying, and \`landbridge vm list --all\` shows it\n`,
      );
      process.exitCode = 3;
    });
}

/** `landbridge deregister`: takes it out of the mesh and ends its checks. */
export function deregisterCommand(): Command {
  return withBridgeFlags(new Command('deregister'))
    .description('take an instance without a sidecar out of the mesh')
    .argument('<name>', 'name of the instance')
    .option('--site <site>', 'where it is', 'external')
    .action(async (name: string, flags: BridgeFlags & { site: string }) => {
      const path = `/v1/external/${encodeURIComponent(name)}?site=${encodeURIComponent(flags.site)}`;
      const answer = await askBridge<DeregisterAnswer>(await bridgeAccess(flags), 'DELETE', path);
      process.stdout.write(`deregistered ${answer.name} at site ${answer.site}\n`);
    });
}

/** The body of PUT /v1/external/:name. The bridge checks the rest by its schema. Throws an Error. */
export function registration(name: string, flags: Omit<RegisterFlags, keyof BridgeFlags>): object {
  const { site, tag: tags, service = name } = flags;
  return {
    site,
    service,
    address: addressOf(flags.address),
    port: wholeNumber('--port', flags.port),
    check: {
      ...checkFlag(flags.check),
      ...(flags.interval === undefined ? {} : { intervalMs: wholeNumber('--interval', flags.interval) }),
      ...(flags.timeout === undefined ? {} : { timeoutMs: wholeNumber('--timeout', flags.timeout) }),
    },
    tags,
    meta: Object.fromEntries(flags.meta.map(pairOf)),
  };
}

function addressOf(text: string): string {
  const address = ipAddress(text);
  if (address === undefined && /[:%[\]]/.test(text))
    throw new Error(
      `--address ${text}: give an IP address or a host name, without a port and without a zone such as %eth0`,
    );
  return address ?? text;
}

function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${flag} ${text}: give a whole number`);
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new Error(`--meta ${text}: give KEY=VALUE`);
}
