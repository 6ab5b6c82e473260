#!/usr/bin/env node
import { advice } from './advice.ts';
import { landbridgeProgram } from './program.ts';
import { quietPipes } from './quiet-pipes.ts';

quietPipes(process);
try {
  await landbridgeProgram().parseAsync();
} catch (error) {
  process.stderr.write(`error: ${advice(error)}\n`);
  process.exitCode ||= 1;
}
