/** How large and how long: the whole table, or a quick look. */
export interface Scale {
  /** Pods of the service whose pod flips. */
  sizes: number[];
  /** Pods of the service for everything that has one size. */
  size: number;
  /** Flips counted, a size. */
  countedFlips: number;
  /** Flips timed, a size. */
  timedFlips: number;
  deletions: number;
  /** Times that a service goes from 0 to `size` pods. */
  rises: number;
  admissions: number;
  burst: number;
  /** MeshServices of which an instance is deleted by hand. */
  repairs: number;
  /** Config entries that another hand writes over. */
  foreignWrites: number;
  verifySeconds: number;
  outageMs: number;
  outageFlips: number;
  /** The large cluster. */
  meshServices: number;
  podsOfEach: number;
  idleMs: number;
}

export const FULL: Scale = {
  sizes: [10, 100, 500, 1000],
  size: 500,
  countedFlips: 20,
  timedFlips: 100,
  deletions: 50,
  rises: 3,
  admissions: 1000,
  burst: 300,
  repairs: 20,
  foreignWrites: 100,
  verifySeconds: 30,
  outageMs: 60_000,
  outageFlips: 20,
  meshServices: 1000,
  podsOfEach: 5,
  idleMs: 60_000,
};

/** About a minute. Verification is made more frequent, or that minute would be spent on waiting for it. */
export const QUICK: Scale = {
  sizes: [10, 50],
  size: 50,
  countedFlips: 6,
  timedFlips: 20,
  deletions: 10,
  rises: 1,
  admissions: 200,
  burst: 50,
  repairs: 5,
  foreignWrites: 12,
  verifySeconds: 5,
  outageMs: 5000,
  outageFlips: 5,
  meshServices: 20,
  podsOfEach: 5,
  idleMs: 5000,
};

/** Each size once, the one that has the bars among them, the smallest first. */
export const sizesOf = ({ sizes, size }: Pick<Scale, 'sizes' | 'size'>): number[] =>
  [...new Set([...sizes, size])].sort((a, b) => a - b);
