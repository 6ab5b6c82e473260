import { ConsulDenied, ConsulRefused, ConsulUnavailable } from './errors.ts';

/** Answers of a server that cannot serve right now; another server, or the same one later, can. */
const NOT_NOW =
  /no cluster leader|not the leader|not ready to serve|leadership|no path to datacenter|raft .*(shutdown|timeout)|timed out enqueuing|server busy|rate limit|try again later|retry elsewhere|rpc error getting client|failed to get conn|connection re(fused|set)|i\/o timeout|\bEOF$/i;

const LACKS = /lacks permission '([^']+)'(?: on "?([^".]+(?:\.[^".\s]+)*)"?)?/;

/** The missing right in a 403, or in a txn error of the same wording, for example `service:write on "add-svc"`. */
export function lackedPermission(sentence: string): string | undefined {
  const found = LACKS.exec(sentence);
  if (found === null) return undefined;
  const [, permission, resource] = found;
  return resource === undefined ? permission : `${permission} on "${resource}"`;
}

/** Turns an answer that is not a success into an error. `what` is the request, for example `PUT /v1/config`. */
export function refusal(
  what: string,
  status: number,
  sentence: string,
): ConsulDenied | ConsulRefused | ConsulUnavailable {
  const said = oneLine(sentence);
  if (said === 'ACL not found') return new ConsulDenied(unknownToken(what));
  // Between a server's start and the end of the ACL bootstrap, or of their replay after a restart.
  if (/ACL system must be bootstrapped/.test(said)) {
    return new ConsulUnavailable(`Consul cannot serve ${what} yet: its ACLs are not set up; it is tried again`);
  }
  // Consul's wording for any ACL object that is not there, with 403 or 404.
  if (/ACL not found/.test(said)) return new ConsulRefused(`Consul refused ${what}: ${said}`, 404);
  if (/permission denied/i.test(said) || status === 403) return denial(what, said);
  if (status === 429 || status === 502 || status === 503 || status === 504 || NOT_NOW.test(said)) {
    return new ConsulUnavailable(`Consul cannot serve ${what} now (${said || status}); it is tried again`);
  }
  return new ConsulRefused(`Consul refused ${what}: ${said || `status ${status}`}`, status);
}

/** Without the prefixes of servers it was passed through, and without the list layout of several errors. */
const oneLine = (sentence: string): string =>
  sentence
    .replace(/^(rpc error making call: |rpc error: code = \w+ desc = )+/, '')
    .replace(/\d+ errors? occurred:\s*\*\s*/, '')
    .replace(/\n\s*\*\s*/g, '; ')
    .replace(/\s+/g, ' ')
    .trim();

const unknownToken = (what: string): string =>
  `Consul does not know the token used for ${what}: it was deleted or has expired; use another`;

function denial(what: string, said: string): ConsulDenied {
  const permission = lackedPermission(said);
  if (permission === undefined)
    return new ConsulDenied(`Consul denied ${what}: ${said}; check the token and its policy`);
  const advice = /anonymous token/.test(said)
    ? 'send a token whose policy grants it'
    : "grant it in the token's policy";
  return new ConsulDenied(`Consul denied ${what}: ${permission} is lacking; ${advice}`, permission);
}
