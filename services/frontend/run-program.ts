import type { Operator, Step } from './expression.ts';

/** Computes one operation, somewhere; `position` is the operator's place in the expression. */
export type Apply = (operator: Operator, l: number, r: number, position: number) => Promise<number>;

/** Runs a program that `parseExpression` made: one call after the other, left to right. Rejects with what `apply` does. */
export async function runProgram(program: readonly Step[], apply: Apply): Promise<number> {
  const stack: number[] = [];
  for (const step of program) {
    if ('push' in step) {
      stack.push(step.push);
      continue;
    }
    const r = pop(stack);
    const l = pop(stack);
    stack.push(await apply(step.apply, l, r, step.position));
  }
  return pop(stack);
}

function pop(stack: number[]): number {
  const value = stack.pop();
  if (value === undefined) throw new Error('the program takes more numbers than it pushes');
  return value;
}
