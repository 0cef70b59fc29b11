// Figures of one run. Seconds and shares.
import { prefillSeconds, referenceMachine } from "../engine/machine-profile.ts";
import type { LoggedRequest } from "../pool/request-log.ts";

export type Metrics = {
  readonly ttftMean: number;
  readonly ttftP50: number;
  readonly ttftP99: number;
  readonly e2eMean: number;
  readonly e2eP99: number;
  /** Share of the offered requests whose first token came in time and that were decoded fast enough. */
  readonly goodput: number;
  /** Mean over the served requests of the share of its prompt that need not be evaluated. */
  readonly prefixHit: number;
  /** Requests that were not served to their end. */
  readonly failed: number;
  /** Replicas that were loaded since the first request. */
  readonly loads: number;
};

/** Slowest decoding that a reader does not wait for, in tokens a second. */
const decodeMin = 4;

/** Time to the first token that is good enough: 5 s, and twice what an idle M4 Max takes for the prompt. */
function firstTokenMsMax(promptTokens: number): number {
  return 5000 + 2000 * prefillSeconds(referenceMachine, { tokens: promptTokens, contextTokens: 0 });
}

export function metricsOf(requests: readonly LoggedRequest[], loads: number): Metrics {
  const served = requests.filter(({ isFailed, firstTokenAtMs }) => !isFailed && firstTokenAtMs !== null);
  const ttft = served.map(ttftSeconds).sort((a, b) => a - b);
  const e2e = served.map(e2eSeconds).sort((a, b) => a - b);
  return {
    ttftMean: mean(ttft),
    ttftP50: quantile(ttft, 0.5),
    ttftP99: quantile(ttft, 0.99),
    e2eMean: mean(e2e),
    e2eP99: quantile(e2e, 0.99),
    goodput: served.filter(isGood).length / Math.max(1, requests.length),
    prefixHit: mean(served.map(({ cachedTokens, request }) => cachedTokens / request.promptTokens)),
    failed: requests.length - served.length,
    loads,
  };
}

function ttftSeconds({ firstTokenAtMs, arrivedAtMs }: LoggedRequest): number {
  return ((firstTokenAtMs ?? arrivedAtMs) - arrivedAtMs) / 1000;
}

function e2eSeconds({ endedAtMs, arrivedAtMs }: LoggedRequest): number {
  return ((endedAtMs ?? arrivedAtMs) - arrivedAtMs) / 1000;
}

function isGood(logged: LoggedRequest): boolean {
  const { request, tokens } = logged;
  if (1000 * ttftSeconds(logged) > firstTokenMsMax(request.promptTokens)) return false;
  const decodeSeconds = e2eSeconds(logged) - ttftSeconds(logged);
  return tokens < 2 || decodeSeconds * decodeMin <= tokens - 1;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of sorted values, by the nearest rank. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
