export interface BackOff {
  firstMs: number;
  maxMs: number;
}

/** How long to wait after `failures` (1, 2, ...) in a row: doubled each time, then a random share of 50 to 100 %. */
export const backOffMs = ({ firstMs, maxMs }: BackOff, failures: number, random: () => number): number =>
  Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1)) * (0.5 + random() / 2);
