import { hostname } from 'node:os';

/** One running process of a service, and its place. */
export interface Instance {
  readonly service: string;
  readonly instance: string;
  /** `pod` or `vm`. */
  readonly platform: string;
  readonly host: string;
  readonly address: string;
}

/** INSTANCE_NAME (default: the host name), PLATFORM, HOST_NAME, HOST_ADDRESS; a missing variable is "unknown". */
export function instanceFromEnv(service: string, env: NodeJS.ProcessEnv): Instance {
  return {
    service,
    instance: plain(env.INSTANCE_NAME || hostname()),
    platform: plain(env.PLATFORM),
    host: plain(env.HOST_NAME),
    address: plain(env.HOST_ADDRESS),
  };
}

/** The value of the X-Served-By header: five fields, none of which can hold a separator. */
export function formatServedBy(of: Instance): string {
  return [of.service, of.instance, of.platform, of.host, of.address].join(';');
}

/** The last signature of an X-Served-By header, which the nearest hop wrote; undefined without a signature. */
export function parseServedBy(header: string | undefined): Instance | undefined {
  const fields = header?.split(',').at(-1)?.trim().split(';');
  if (fields?.length !== 5) return undefined;
  const [service, instance, platform, host, address] = fields as [string, string, string, string, string];
  return { service, instance, platform, host, address };
}

function plain(text: string | undefined): string {
  return text ? text.replace(/[^A-Za-z0-9._:-]/g, '-') : 'unknown';
}
