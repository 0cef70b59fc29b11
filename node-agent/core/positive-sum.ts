// A sum of positive terms that follows what it is shown.

/** Slowest learning: a step of this share of the error. Half of what is known is from the last 14 observations. */
const rateMin = 0.05;
/** One observation counts as at most so many times its prediction, once the sum is settled: a machine that slept. */
const outlierFactor = 4;
const settledAfter = 20;

/**
 * y = sum of coefficients[i] * x[i], all of them positive. Normalised least mean squares on the logarithms: each
 * coefficient takes the share of the relative error that its term has in the sum. Coefficients stay positive whatever
 * comes, and a term that is not excited stays as it was. (For least mean squares: Haykin, Adaptive Filter Theory, 4-5.)
 */
export class PositiveSum {
  readonly #logs: number[];
  #observations = 0;

  constructor(initial: readonly number[]) {
    this.#logs = initial.map((value) => Math.log(Math.max(Number.MIN_VALUE, value)));
  }

  get coefficients(): readonly number[] {
    return this.#logs.map(Math.exp);
  }

  observe(x: readonly number[], y: number): void {
    const terms = x.map((value, i) => value * Math.exp(this.#logs[i] ?? 0));
    const sum = terms.reduce((total, term) => total + term, 0);
    if (!(y > 0 && sum > 0 && Number.isFinite(y) && Number.isFinite(sum))) return;
    const limit = this.#observations < settledAfter ? Number.POSITIVE_INFINITY : Math.log(outlierFactor);
    const error = Math.max(-limit, Math.min(limit, Math.log(y / sum)));
    this.#observations += 1;
    const rate = Math.max(rateMin, 1 / this.#observations);
    const shares = terms.map((term) => term / sum);
    const power = shares.reduce((total, share) => total + share * share, 0);
    shares.forEach((share, i) => {
      this.#logs[i] = (this.#logs[i] ?? 0) + (rate * error * share) / power;
    });
  }
}
