// What happened to each request of a run, as its client sees it.
import type { WorkloadRequest } from "../workload/sample.ts";

/** Times are of the run's clock, in milliseconds. */
export type LoggedRequest = {
  readonly request: WorkloadRequest;
  readonly arrivedAtMs: number;
  firstTokenAtMs: number | null;
  endedAtMs: number | null;
  tokens: number;
  /** Prompt tokens of the first attempt that need not be evaluated. */
  cachedTokens: number;
  attempts: number;
  isFailed: boolean;
};

export class RequestLog {
  readonly requests: LoggedRequest[] = [];
  /** What cannot be: an ending too many, a token after it. Empty in a good run. */
  readonly problems: string[] = [];
  #open = 0;

  get open(): number {
    return this.#open;
  }

  arrive(request: WorkloadRequest, nowMs: number): LoggedRequest {
    const logged: LoggedRequest = {
      request,
      arrivedAtMs: nowMs,
      firstTokenAtMs: null,
      endedAtMs: null,
      tokens: 0,
      cachedTokens: 0,
      attempts: 0,
      isFailed: false,
    };
    this.requests.push(logged);
    this.#open += 1;
    return logged;
  }

  accept(logged: LoggedRequest, cachedTokens: number): void {
    logged.attempts += 1;
    if (logged.attempts === 1) logged.cachedTokens = cachedTokens;
  }

  token(logged: LoggedRequest, nowMs: number): void {
    if (logged.endedAtMs !== null) this.problems.push("a token came after the end of its request");
    logged.tokens += 1;
    logged.firstTokenAtMs ??= nowMs;
  }

  end(logged: LoggedRequest, nowMs: number, isFailed: boolean): void {
    if (logged.endedAtMs !== null) this.problems.push("a request ended twice");
    if (!isFailed && logged.tokens !== logged.request.outputTokens)
      this.problems.push(`a request ended after ${logged.tokens} of ${logged.request.outputTokens} tokens`);
    logged.endedAtMs = nowMs;
    logged.isFailed = isFailed;
    this.#open -= 1;
  }
}
