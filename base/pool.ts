/** Runs work with at most `limit` pieces under way; the others wait their turn. */
export function createPool(limit: number): { run<T>(work: () => Promise<T>): Promise<T>; readonly busy: number } {
  const waiting: (() => void)[] = [];
  let busy = 0;
  return {
    async run(work) {
      if (busy < limit) busy += 1;
      // The place is handed over, so `busy` stays as it is.
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) busy -= 1;
        else next();
      }
    },
    get busy() {
      return busy;
    },
  };
}
