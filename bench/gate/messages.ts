import type { CounterOptions } from './counter.ts';
import type { GateState } from './gate.ts';

/** A question of the measuring process to the process of the gate. */
export type GateRequest = { id: number } & (
  | { do: 'start'; options: CounterOptions }
  | { do: 'turn'; state: GateState }
  | { do: 'count'; on: boolean }
  | { do: 'take' }
  | { do: 'delay'; ms: number }
);

export interface GateReply {
  id: number;
  value?: string | string[] | void;
  error?: string;
}
