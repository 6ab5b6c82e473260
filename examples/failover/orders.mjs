// The app of a machine. Its sidecar is the only one that calls it, from 127.0.0.1.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

createServer((request, response) => {
  console.log(request.method, request.url);
  response.end(`from the machine ${hostname()}`);
}).listen(8400, '127.0.0.1');
