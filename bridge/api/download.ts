import { createReadStream } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '../refusal.ts';

/** An answer that is a file and not JSON. */
export class Download {
  readonly body: { text: string } | { path: string; size: number };
  constructor(body: Download['body']) {
    this.body = body;
  }
}

/** Files under way at a time: each holds a connection and a piece of 64 KiB. */
const MAX_AT_A_TIME = 16;
/** A reader that takes less than MIN_BYTES in this time is cut off, ms. */
const STALLED_MS = 30_000;
/** 32 KiB a second: at that rate a machine needs two hours for all of it. */
const MIN_BYTES = 1 << 20;

export type SendDownload = (response: ServerResponse, download: Download) => Promise<void>;

/** Sends a file whole, or cuts the connection. Throws a Refusal, before anything was sent, when too many are under way. */
export function limitDownloads(stalledMs = STALLED_MS): SendDownload {
  let underWay = 0;
  return async (response, { body }) => {
    if ('text' in body) {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body.text) });
      return void response.end(body.text);
    }
    if (underWay >= MAX_AT_A_TIME) {
      throw new Refusal('tooMany', `${underWay} files are being fetched: ask again in a second (curl --retry does)`);
    }
    underWay += 1;
    let slow: NodeJS.Timeout | undefined;
    try {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.size });
      const file = createReadStream(body.path);
      let before = 0;
      slow = setInterval(() => {
        if (file.bytesRead - before < MIN_BYTES) response.destroy();
        before = file.bytesRead;
      }, stalledMs);
      await pipeline(file, response).catch(() => response.destroy());
    } finally {
      clearInterval(slow);
      underWay -= 1;
    }
  };
}
