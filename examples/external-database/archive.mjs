// Stands for the database: it answers each line, and knows nothing of the mesh.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

createServer((socket) => {
  socket.on('error', () => undefined);
  createInterface({ input: socket }).on('line', (line) => {
    console.log(line);
    socket.write(`${line} of the archive\n`);
  });
}).listen(5499);
