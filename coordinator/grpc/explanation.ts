import type { AttemptHistory as AttemptWire } from "@pomona/proto/generated/pomona/v1/AttemptHistory";
import type { ExplainRequestResponse } from "@pomona/proto/generated/pomona/v1/ExplainRequestResponse";
import { endingToWire } from "@pomona/shared/grpc/wire";
import type { AttemptHistory, RequestHistory } from "../request-history.ts";

/** `nowMs` is of the coordinator's clock. */
export function explanationToWire(history: RequestHistory, nowMs: number): ExplainRequestResponse {
  const { requestId, model, api, priority, promptTokens, arrivedAtMs, endedAtMs, ending, attempts } = history;
  return {
    requestId,
    model,
    api,
    priority,
    promptTokens,
    ageMs: (endedAtMs ?? nowMs) - arrivedAtMs,
    attempts: attempts.map(attemptToWire),
    ending: ending === null ? null : endingToWire(ending),
  };
}

function attemptToWire(attempt: AttemptHistory): AttemptWire {
  const { epoch, nodeId, queueMs, boundAtMs, firstTokenAtMs, cachedTokens, movedFor, decision } = attempt;
  return {
    epoch,
    nodeId,
    queueMs,
    ...(decision === null ? {} : { predictedFirstTokenMs: 1000 * decision.firstTokenSeconds }),
    ...(firstTokenAtMs === null ? {} : { firstTokenMs: firstTokenAtMs - boundAtMs }),
    ...(cachedTokens === null ? {} : { cachedTokens }),
    movedFor: movedFor ?? "",
    checkpoint: attempt.checkpoint ?? "",
    checkpointNodeId: attempt.checkpointNodeId ?? "",
    expectedTokens: decision?.expectedTokens ?? 0,
    candidates: (decision?.candidates ?? []).map(({ cachedIn, ...cost }) => ({
      ...cost,
      isChosen: cost.replicaId === decision?.replicaId,
      cachedIn: cachedIn ?? "",
    })),
  };
}
