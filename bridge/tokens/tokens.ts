import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Consul } from '../../clients/consul/consul.ts';
import { inParallel } from '../../base/in-parallel.ts';
import { serviceJwt } from '../../clients/consul/service-token.ts';
import type { BeatAnswer } from '../../mesh/outside/bridge-api.ts';
import type { HostIdentity } from '../certificates/authority.ts';
import { Refusal } from '../refusal.ts';
import type { HeldToken, TokenVault } from './vault.ts';

/** The Consul auth method of bridges; its JWTs carry the same name as issuer. */
const AUTH_METHOD = 'landbridge-bridge';

/**
 * Consul tokens of the hosts' sidecars, each for one service. A rotation ends none: a live stream goes on with the token
 * it was opened with, and Consul closes it when that one ends. So a replaced token lives out the half of its life that is
 * left, and ends sooner only with its purpose: when the host leaves the service, is revoked, or is not admitted any longer.
 */
export interface Tokens {
  /** Logs in. Asked again within 8 s, because the answer was lost, gives the same token. Throws what Consul throws. */
  issue(host: HostIdentity, service: string): Promise<BeatAnswer['tokens'][number]>;
  /** Ends the tokens of the services for which `ended` says so. */
  end(host: HostIdentity, ended: (service: string) => boolean): void;
  /** Ends what could not be ended yet, and forgets what has expired. */
  retry(): Promise<void>;
  /**
   * Asks Consul for the youngest token, and for all when it does not know that one: a backup that is restored lacks all
   * tokens that are younger, so the youngest is lost when any is. At most once in 30 s. Throws what Consul throws.
   */
  prove(): Promise<void>;
  /** Services of the host whose token Consul has lost. The host gets another without asking. */
  owed(host: HostIdentity): string[];
  /** Takes up the tokens of an earlier life of the bridge. Throws what Consul throws. */
  restore(): Promise<void>;
}

interface Issued extends HeldToken {
  issuedAtMs: number;
}

/** Less than the time after which an agent takes a token for refused. */
const SAME_TOKEN_MS = 8000;
/** The auth method's default MaxTokenTTL, for an answer without expiry. */
const DEFAULT_TTL_MS = 3_600_000;
const PROVE_EVERY_MS = 30_000;
/** Questions at a time when every token is in doubt. */
const PROOFS_AT_A_TIME = 8;
/** Live ones of a host for one service. One in use and its successor are two. The limit bounds the requests of a faulty host. */
const MAX_LIVE = 4;

export function createTokens(options: {
  consul: Pick<Consul, 'login' | 'logout' | 'knowsToken'>;
  vault: TokenVault;
  signingKeyPem: string;
  clock: Clock;
  log: Log;
  /** Whether the host is still a member with that service: asked when a login is through. */
  mayHold: (host: HostIdentity, service: string) => boolean;
}): Tokens {
  const { consul, vault, signingKeyPem, clock, log, mayHold } = options;
  /** Keyed by host, oldest first. */
  const issued = new Map<string, Issued[]>();
  const underWay = new Map<string, Promise<Issued>>();
  let ending: Issued[] = [];
  /** Services by host. */
  const owing = new Map<string, Set<string>>();
  let provedAtMs = clock.steady();
  const keyOf = ({ site, host }: HostIdentity): string => `${site}/${host}`;
  const hasExpired = ({ expiresAt }: Issued): boolean => Date.parse(expiresAt) <= clock.now();

  /** Those for which `ended` holds are no longer the host's, and are logged out as soon as that can be done. */
  function drop(host: HostIdentity, ended: (token: Issued) => boolean): void {
    const tokens = issued.get(keyOf(host)) ?? [];
    const gone = tokens.filter(ended);
    if (gone.length === 0) return;
    const left = tokens.filter((token) => !gone.includes(token));
    if (left.length === 0) issued.delete(keyOf(host));
    else issued.set(keyOf(host), left);
    ending.push(...gone);
    void endAll();
  }

  /** Only the token that the host uses is owed to it: those before it were replaced. */
  function lose(token: Issued): void {
    const key = keyOf(token);
    const tokens = issued.get(key) ?? [];
    const inUse = tokens.findLast(({ service }) => service === token.service);
    issued.set(
      key,
      tokens.filter((one) => one !== token),
    );
    if (inUse === token) owing.set(key, (owing.get(key) ?? new Set()).add(token.service));
    void vault.forget(token.accessorId).catch(() => undefined);
  }

  function pay(host: HostIdentity, service: string): void {
    const services = owing.get(keyOf(host));
    services?.delete(service);
    if (services?.size === 0) owing.delete(keyOf(host));
  }

  async function endAll(): Promise<void> {
    const trying = ending;
    ending = [];
    for (const token of trying) {
      try {
        if (!hasExpired(token)) await consul.logout(token.secretId);
        await vault.forget(token.accessorId);
      } catch (error) {
        ending.push(token);
        log.warn({ err: error, host: token.host, service: token.service }, 'ending a Consul token failed');
      }
    }
  }

  async function logIn({ site, host }: HostIdentity, service: string): Promise<Issued> {
    const nowSeconds = Math.floor(clock.now() / 1000);
    const jwt = serviceJwt({ signingKeyPem, issuer: AUTH_METHOD, service, nowSeconds });
    const { accessorId, secretId, expiresAt } = await consul.login(AUTH_METHOD, jwt, { site, host });
    const token: Issued = {
      site,
      host,
      service,
      accessorId,
      secretId,
      expiresAt: expiresAt ?? new Date(clock.now() + DEFAULT_TTL_MS).toISOString(),
      issuedAtMs: clock.steady(),
    };
    if (!mayHold(token, service)) {
      ending.push(token);
      void endAll();
      throw new Refusal('hostUnknown', `host "${host}" left or was revoked meanwhile`);
    }
    enter(token);
    pay(token, service);
    const surplus = issued.get(keyOf(token))!.filter((held) => held.service === service);
    drop(token, (held) => surplus.slice(0, -MAX_LIVE).includes(held));
    // Not awaited: without the record a restarted bridge cannot end this token before it expires, and that is all.
    void vault.keep(token).catch((error: unknown) => log.warn({ err: error, host, service }, 'sealing a token failed'));
    return token;
  }

  const enter = (token: Issued): void => void issued.set(keyOf(token), [...(issued.get(keyOf(token)) ?? []), token]);

  return {
    async issue(host, service) {
      const before = issued.get(keyOf(host))?.findLast((token) => token.service === service);
      if (before !== undefined && clock.steady() - before.issuedAtMs < SAME_TOKEN_MS) return answerOf(before);
      // A host that lost patience asks again while Consul is still thinking: one login serves both.
      const key = `${keyOf(host)}/${service}`;
      const login = underWay.get(key) ?? logIn(host, service).finally(() => underWay.delete(key));
      underWay.set(key, login);
      return answerOf(await login);
    },
    end(host, ended) {
      for (const service of owing.get(keyOf(host)) ?? []) if (ended(service)) pay(host, service);
      drop(host, (token) => ended(token.service));
    },
    owed: (host) => [...(owing.get(keyOf(host)) ?? [])],
    async prove() {
      if (clock.steady() - provedAtMs < PROVE_EVERY_MS) return;
      provedAtMs = clock.steady();
      const all = [...issued.values()].flat().filter((token) => !hasExpired(token));
      const youngest = all.reduce<Issued | undefined>(
        (first, token) => (first === undefined || token.expiresAt > first.expiresAt ? token : first),
        undefined,
      );
      if (youngest === undefined || (await consul.knowsToken(youngest.secretId))) return;
      const lost = new Set<Issued>();
      const problems: unknown[] = [];
      await inParallel(all, PROOFS_AT_A_TIME, async (token) => {
        const isKnown = await consul.knowsToken(token.secretId).catch((error: unknown) => void problems.push(error));
        if (isKnown === false) lost.add(token);
      });
      // All or none: the youngest stays the one that tells until each was asked.
      if (problems.length > 0) throw problems[0];
      for (const token of lost) lose(token);
      log.warn({ tokens: lost.size }, 'Consul had lost tokens of hosts; their next beats bring new ones');
    },
    async retry() {
      for (const [token] of issued.values()) if (token !== undefined && hasExpired(token)) drop(token, hasExpired);
      await endAll();
    },
    async restore() {
      const found = await vault.list();
      for (const token of found.sort((a, b) => (a.expiresAt < b.expiresAt ? -1 : 1))) {
        const held = { ...token, issuedAtMs: -Infinity };
        if (mayHold(token, token.service)) enter(held);
        else ending.push(held);
      }
      void endAll();
    },
  };
}

const answerOf = ({ service, secretId, expiresAt }: HeldToken) => ({ service, token: secretId, expiresAt });
