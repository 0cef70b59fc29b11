// Recursive least squares with forgetting: a linear model that follows what it is shown (Haykin, Adaptive Filter Theory,
// chapter 10; the update with a prior is that of Bayesian linear regression).

export type LeastSquaresOptions = {
  /** What the coefficients are before anything was seen. */
  readonly initial: readonly number[];
  /** How sure that is, as the standard deviation of each coefficient. */
  readonly deviation: readonly number[];
  /** Standard deviation of one observation. */
  readonly noise: number;
  /** Share that an old observation keeps at each new one, below 1. */
  readonly forgetting: number;
};

/** y = sum of coefficients[i] * x[i], with two or three coefficients. */
export class LeastSquares {
  readonly #forgetting: number;
  readonly #noise: number;
  readonly #maximum: readonly number[];
  #coefficients: number[];
  /** Symmetric. */
  #covariance: number[][];

  constructor({ initial, deviation, noise, forgetting }: LeastSquaresOptions) {
    this.#forgetting = forgetting;
    this.#noise = noise;
    this.#coefficients = [...initial];
    this.#maximum = deviation.map((each) => each * each);
    this.#covariance = initial.map((_, i) => initial.map((__, j) => (i === j ? (this.#maximum[i] ?? 0) : 0)));
  }

  get coefficients(): readonly number[] {
    return this.#coefficients;
  }

  predict(x: readonly number[]): number {
    return dot(this.#coefficients, x);
  }

  observe(x: readonly number[], y: number): void {
    const gains = this.#covariance.map((row) => dot(row, x));
    const variance = this.#forgetting * this.#noise * this.#noise + dot(gains, x);
    if (!(variance > 0) || !Number.isFinite(y)) return;
    const error = y - this.predict(x);
    this.#coefficients = this.#coefficients.map((value, i) => value + ((gains[i] ?? 0) * error) / variance);
    this.#covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => (value - ((gains[i] ?? 0) * (gains[j] ?? 0)) / variance) / this.#forgetting),
    );
    this.#bound();
  }

  /** What is never excited would be forgotten without end: no coefficient gets less sure than it was at the start. */
  #bound(): void {
    this.#covariance.forEach((row, i) => {
      const most = this.#maximum[i] ?? 0;
      const own = row[i] ?? 0;
      if (own <= most) return;
      const scale = Math.sqrt(most / own);
      for (let j = 0; j < row.length; j += 1) {
        row[j] = (row[j] ?? 0) * scale;
        const other = this.#covariance[j];
        if (other !== undefined) other[i] = (other[i] ?? 0) * scale;
      }
    });
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
