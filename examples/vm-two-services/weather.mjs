// weather.mjs NAME PORT [UPSTREAM]: an app of the machine, which asks the upstream before it answers where one is given.
import { createServer } from 'node:http';

const [name, port, upstream] = process.argv.slice(2);
createServer(async (request, response) => {
  console.log(request.method, request.url);
  const asked = upstream === undefined ? '' : ` and ${await (await fetch(`${upstream}${request.url}`)).text()}`;
  response.end(`${name}${asked}`);
}).listen(Number(port), '127.0.0.1');
