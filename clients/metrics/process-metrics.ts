import { type Registry, collectDefaultMetrics } from 'prom-client';

/**
 * The delay of the event loop is taken by a timer that wakes the process. At the library's 10 ms that alone was most of
 * what an idle process cost: 100 wakes a second.
 */
const EVENT_LOOP_LOOK_MS = 100;

/** CPU, memory, handles and event loop of this process, under the names that prom-client gives them. */
export const processMetrics = (register: Registry): void =>
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: EVENT_LOOP_LOOK_MS });
