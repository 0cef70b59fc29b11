// What became of the last requests, for `pomona why`: where each went, what else it could have cost, and what happened.
// Numbers and names only: no prompt, no answer.
import type { AttemptFrame, CheckpointUse, Ending } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, RequestId } from "@pomona/shared/core/ids";
import type { Decision } from "./core/scheduler/decision.ts";

/** One attempt of a request on a node. Times are milliseconds of the coordinator's clock. */
export type AttemptHistory = {
  readonly epoch: number;
  readonly nodeId: NodeId;
  readonly boundAtMs: number;
  /** Spent in the queue before it, in all. */
  readonly queueMs: number;
  /** Null for a request in quarantine, which takes the first replica that is empty. */
  readonly decision: Decision | null;
  /** What the node said that it reused; null until it did. */
  cachedTokens: number | null;
  firstTokenAtMs: number | null;
  /** Whether a state that another node had saved was used; null where there was none. */
  checkpoint: CheckpointUse | null;
  /** The node that got the state of this attempt. */
  checkpointNodeId: NodeId | null;
  /** Why it went on elsewhere; null when it did not. */
  movedFor: string | null;
};

export type RequestHistory = {
  readonly requestId: RequestId;
  readonly model: ModelName;
  readonly api: string;
  readonly priority: string;
  readonly arrivedAtMs: number;
  readonly promptTokens: number;
  readonly attempts: AttemptHistory[];
  ending: Ending | null;
  endedAtMs: number | null;
};

const requestsMax = 1000;
/** The last ones of a request are kept: nodes may refuse it again and again. */
const attemptsMax = 16;

/** Keeps the last 1,000 requests; those that still run among them. */
export class RequestLog {
  readonly #requests = new Map<RequestId, RequestHistory>();

  arrived(request: Omit<RequestHistory, "attempts" | "ending" | "endedAtMs">): void {
    this.#requests.set(request.requestId, { ...request, attempts: [], ending: null, endedAtMs: null });
    this.#forget();
  }

  bound(
    requestId: RequestId,
    attempt: Pick<AttemptHistory, "epoch" | "nodeId" | "boundAtMs" | "queueMs" | "decision">,
  ): void {
    const attempts = this.#requests.get(requestId)?.attempts ?? [];
    if (attempts.length >= attemptsMax) attempts.shift();
    const before = { cachedTokens: null, firstTokenAtMs: null, movedFor: null };
    attempts.push({ ...attempt, ...before, checkpoint: null, checkpointNodeId: null });
  }

  accepted(requestId: RequestId, { cachedPromptTokens, checkpoint }: AttemptFrame & { kind: "accepted" }): void {
    const attempt = this.#attempt(requestId);
    if (attempt === undefined) return;
    attempt.cachedTokens = cachedPromptTokens;
    attempt.checkpoint = checkpoint ?? null;
  }

  checkpointed(requestId: RequestId, nodeId: NodeId): void {
    const attempt = this.#attempt(requestId);
    if (attempt !== undefined) attempt.checkpointNodeId = nodeId;
  }

  /** Returns the predicted and the real time from the binding to the first token, at the first tokens of an attempt. */
  tokens(requestId: RequestId, nowMs: number): { readonly predictedMs: number; readonly realMs: number } | null {
    const attempt = this.#attempt(requestId);
    if (attempt === undefined || attempt.firstTokenAtMs !== null) return null;
    attempt.firstTokenAtMs = nowMs;
    if (attempt.decision === null) return null;
    return { predictedMs: 1000 * attempt.decision.firstTokenSeconds, realMs: nowMs - attempt.boundAtMs };
  }

  moved(requestId: RequestId, reason: string): void {
    const attempt = this.#attempt(requestId);
    if (attempt !== undefined) attempt.movedFor = reason;
  }

  ended(requestId: RequestId, ending: Ending, nowMs: number): void {
    const request = this.#requests.get(requestId);
    if (request === undefined) return;
    request.ending = ending;
    request.endedAtMs = nowMs;
  }

  find(requestId: RequestId): RequestHistory | null {
    return this.#requests.get(requestId) ?? null;
  }

  /** Those that have ended first, the oldest first; only beyond twice as many also such as still wait. */
  #forget(): void {
    for (const [requestId, { ending }] of this.#requests) {
      if (this.#requests.size <= requestsMax) return;
      if (ending !== null || this.#requests.size > 2 * requestsMax) this.#requests.delete(requestId);
    }
  }

  #attempt(requestId: RequestId): AttemptHistory | undefined {
    return this.#requests.get(requestId)?.attempts.at(-1);
  }
}
