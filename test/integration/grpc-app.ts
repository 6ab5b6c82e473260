import { once } from 'node:events';
import http2 from 'node:http2';

/** What gRPC asks of those between: HTTP/2 without TLS, and the status in trailers. Answers with what it was sent. */
export async function startGrpcApp(port: number): Promise<{ stop(): Promise<void> }> {
  const sessions = new Set<http2.Http2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    async stop() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface GrpcAnswer {
  status: number;
  message: string;
  trailers: Record<string, unknown>;
}

/** One call over a connection of its own. */
export async function callGrpc(port: number, authority: string, path: string, message: string): Promise<GrpcAnswer> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<GrpcAnswer>((resolve, reject) => {
      session.once('error', reject);
      const stream = session.request({
        ':method': 'POST',
        ':authority': authority,
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const answer: GrpcAnswer = { status: 0, message: '', trailers: {} };
      stream.setTimeout(5000, () => stream.destroy(new Error('no answer within 5 s')));
      stream.setEncoding('utf8');
      stream.once('response', (headers) => (answer.status = headers[':status'] ?? 0));
      stream.on('data', (part: string) => (answer.message += part));
      stream.once('trailers', (trailers) => (answer.trailers = { ...trailers }));
      stream.once('error', reject);
      stream.once('end', () => resolve(answer));
      stream.end(message);
    });
  } finally {
    session.destroy();
  }
}
