/** Work that may pause at each yield, so that whatever else there is to do need not wait for all of it. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** All of the work at once. */
export function runThrough<Result>(slices: Slices<Result>): Result {
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
  }
}
