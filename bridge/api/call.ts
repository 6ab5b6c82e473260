import type { Peer } from './peer.ts';
import type { Bridge } from './bridge.ts';
import type { Host } from '../hosts/hosts.ts';

/** One request, authenticated and checked, as a handler gets it. `Parts` are those of the bridge that the handler touches. */
export interface Call<Parts extends keyof Bridge, Body = undefined, Query = undefined> {
  bridge: Pick<Bridge, Parts>;
  body: Body;
  peer: Peer;
  /** The last segment of the path, for routes with `:name`; else empty. */
  name: string;
  query: Query;
  remoteAddress: string;
  /** The time of the sender (header `date`), ms since 1970; undefined: it does not say. */
  sentAtMs?: number | undefined;
}

/** A request of a known host that is not revoked, proved by its certificate. */
export interface HostCall<Parts extends keyof Bridge, Body, Query = undefined> extends Call<Parts, Body, Query> {
  host: Host;
}
