import type { Command } from 'commander';

/** The flags of `vm join` about the instances of the machine; `vm invite` takes them for it. */
export interface InstanceFlags {
  port: string[];
  check?: string;
  version?: string;
  zone?: string;
  hostName?: string;
  address?: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

export const withInstanceFlags = (command: Command): Command =>
  command
    .option(
      '--port <port>',
      'where the app listens on 127.0.0.1; repeat for more instances; none: it only calls others',
      collect,
      [],
    )
    .option('--check <check>', 'tcp, http:PATH, http:PORT/PATH, grpc[:SERVICE] or exec:COMMAND; default: tcp')
    .option('--version <version>', 'version of the app, for traffic splitting')
    .option('--zone <zone>', 'where this machine stands, for traffic by zone')
    .option('--host-name <name>', 'name of this machine in the mesh; default: its host name')
    .option('--address <address>', 'where other sidecars reach this machine; default: its address towards the bridge');

/** The flags as words again. */
export const wordsOf = ({ port, check, version, zone, hostName, address }: InstanceFlags): string[] => [
  ...port.flatMap((one) => ['--port', one]),
  ...Object.entries({
    '--check': check,
    '--version': version,
    '--zone': zone,
    '--host-name': hostName,
    '--address': address,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value])),
];
