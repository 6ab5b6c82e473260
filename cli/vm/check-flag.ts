import type { z } from 'zod';
import type { checkSpec, localCheckSpec } from '../../mesh/outside/check-spec.ts';

const FORMS = 'tcp, http:PATH (for example http:/healthz), grpc or grpc:SERVICE';

/** What `--check` says, for a check from afar. Throws an Error. */
export function checkFlag(text: string): z.input<typeof checkSpec> {
  const check = parse(text);
  if (check !== undefined && isFar(check)) return check;
  throw new Error(`--check ${text}: give ${FORMS}`);
}

/** What `--check` says on the machine itself, where a program may be run too. Throws an Error. */
export function localCheckFlag(text: string): z.input<typeof localCheckSpec> {
  const check = parse(text);
  if (check !== undefined) return check;
  throw new Error(
    `--check ${text}: give ${FORMS}, http:PORT/PATH for a health port of its own, or exec:COMMAND (a line for /bin/sh)`,
  );
}

const isFar = (check: z.input<typeof localCheckSpec>): check is z.input<typeof checkSpec> =>
  check.type !== 'exec' && !('port' in check);

function parse(text: string): z.input<typeof localCheckSpec> | undefined {
  const [, type, rest = ''] = /^([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  if (type === 'tcp' && text === 'tcp') return { type };
  if (type === 'http' && rest.startsWith('/')) return { type, path: rest };
  const [, port, path] = /^(\d{1,5})(\/.*)$/s.exec(rest) ?? [];
  if (type === 'http' && path !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
    return { type, port: Number(port), path };
  if (type === 'grpc') return { type, service: rest };
  if (type === 'exec' && rest.trim() !== '') return { type, command: ['/bin/sh', '-c', rest] };
  return undefined;
}
