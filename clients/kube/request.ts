export type Query = Record<string, string | number | boolean | undefined>;
export interface RequestOptions {
  /** Sent as JSON. */
  body?: unknown;
  /** Default `application/json`. */
  contentType?: string;
  /** Default `application/json`. */
  accept?: string;
  query?: Query;
  /** Aborting throws the signal's reason. */
  signal?: AbortSignal;
  /** For the whole exchange. Default 30 000. */
  timeoutMs?: number;
}

export type StreamOptions = Pick<RequestOptions, 'accept' | 'query' | 'signal'>;
