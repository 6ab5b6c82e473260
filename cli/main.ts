#!/usr/bin/env node
import { advice } from './advice.ts';
import { landbridgeProgram } from './program.ts';

try {
  await landbridgeProgram().parseAsync();
} catch (error) {
  process.stderr.write(`error: ${advice(error)}\n`);
  process.exitCode ||= 1;
}
