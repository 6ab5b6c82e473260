import type { ConsulReply, Transport } from '../transport.ts';

/**
 * A GET that sees every write committed before it. Consul's default may miss some: a server that has just become
 * leader answers while it still replays its log, and writes that it has not replayed yet look deleted.
 */
export const readAll = (
  transport: Transport,
  path: string,
  options: { query?: Record<string, string>; accept?: number[] } = {},
): Promise<ConsulReply> =>
  transport.send({ method: 'GET', path, query: { ...options.query, consistent: '' }, accept: options.accept });
