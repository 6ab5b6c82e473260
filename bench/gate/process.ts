import { type Counter, startCounter } from './counter.ts';
import { type Gate, startGate } from './gate.ts';
import type { GateReply, GateRequest } from './messages.ts';

/**
 * The gate as a process of its own: the one that measures is busy at times, and must not slow down what it measures.
 * It ends with its parent, whose channel closes.
 */
let gate: Gate | undefined;
let counter: Counter | undefined;
let consulPort = 0;

async function answer(request: GateRequest): Promise<GateReply['value']> {
  switch (request.do) {
    case 'start':
      consulPort = request.options.consulPort;
      gate = await startGate(consulPort);
      counter = await startCounter(request.options);
      return gate.address;
    case 'turn':
      return gate?.turn(request.state);
    case 'count':
      counter?.take();
      return gate?.leadTo(request.on ? (counter?.port ?? consulPort) : consulPort);
    case 'take':
      return counter?.take();
    case 'delay':
      return gate?.delayBy(request.ms);
  }
}

process.on('message', (request: GateRequest) => {
  void answer(request).then(
    (value) => process.send?.({ id: request.id, value }),
    (error: Error) => process.send?.({ id: request.id, error: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group: the parent decides when this one ends.
process.on('SIGINT', () => undefined);
