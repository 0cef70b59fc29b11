// Whether a request may enter the queue. A refusal is a value that says why and what to do.
import { PomonaError } from "@pomona/shared/core/errors";
import type { PromptInput } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import { untilReadyMs } from "./load-time.ts";
import { outlookForNext } from "./queue-outlook.ts";
import type { ClusterState, StepContext } from "./state.ts";
import { type ModelOutlook, modelOutlook, servedContextLength } from "./views.ts";

/** Null when the pool has the model and may come to answer, a prompt of this kind where one is given; the refusal else. */
export function refuseModel(context: StepContext, model: ModelName, input?: PromptInput): PomonaError | null {
  const { state, nowMs } = context;
  const outlook = modelOutlook(context, model);
  if (outlook === null) return unknownModel(model, [...state.deployments.keys()].sort());
  if (input?.kind === "infill" && !mayInfill(state, model)) return unableToInfill(model);
  switch (outlook.state) {
    case "ready":
    case "idle":
      return null;
    case "loading":
      return refuseImpatient(context, model, outlook);
    case "failed":
      return new PomonaError("model_failed", `model ${model} cannot be loaded: ${outlook.reason}`);
    case "unplaced":
      return new PomonaError("model_not_ready", `model ${model} runs on no node: ${outlook.reason}`, {
        retryAfterMs: untilReadyMs(state, model, nowMs),
      });
  }
}

/** Whether its file says so, or nobody has read that yet: then the engine refuses it. */
function mayInfill(state: ClusterState, model: ModelName): boolean {
  return state.deployments.get(model)?.facts?.sizing.card?.infills !== false;
}

function unableToInfill(model: ModelName): PomonaError {
  const message = `suffix cannot be honoured: the file of model ${model} names no tokens for a gap between two texts`;
  return new PomonaError("invalid_request", message, { field: "suffix" });
}

/** Says which models there are. */
export function unknownModel(asked: string, known: readonly ModelName[]): PomonaError {
  const shown = JSON.stringify(asked.slice(0, 200));
  const message = `model ${shown} was not found in this pool; it has: ${known.join(", ") || "none"}`;
  return new PomonaError("model_not_found", message, { field: "model" });
}

/** Of a prompt that was cut for a replica with less room than there is now. */
export function contextChanged(model: ModelName): PomonaError {
  const message = `the context of ${model} has just become a larger one: send the request again`;
  return new PomonaError("model_not_ready", message, { retryAfterMs: 1000 });
}

/** Whoever would have to wait for a load longer than anyone does is told so at once. */
function refuseImpatient({ config }: StepContext, name: ModelName, { loading }: ModelOutlook): PomonaError | null {
  const readyInMs = loading?.readyInMs ?? 0;
  if (loading === null || readyInMs <= config.loadPatienceMs) return null;
  return new PomonaError("model_not_ready", `model ${name} is ${loading.state}: it takes ${seconds(readyInMs)} more`, {
    retryAfterMs: readyInMs,
    loading,
  });
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}

export type PromptSize = {
  readonly model: ModelName;
  readonly promptTokens: number;
  readonly maxTokens: number | null;
  /** Whether more than the rest of the context means just that; false by default. */
  readonly isMaxTokensCut?: boolean;
};

/** The tokens that may be generated, or the refusal when the prompt leaves no room for them. */
export function decideMaxTokens(state: ClusterState, size: PromptSize): number | PomonaError {
  const contextLength = servedContextLength(state, size.model);
  if (contextLength === 0)
    return new PomonaError("model_not_ready", `no node has looked at the files of ${size.model} yet: try again`);
  const room = contextLength - size.promptTokens;
  if (size.promptTokens === 0) return new PomonaError("invalid_request", "the prompt is empty", { field: "prompt" });
  if (room >= Math.max(1, size.maxTokens ?? 1)) return size.maxTokens ?? room;
  if (room >= 1 && size.isMaxTokensCut === true) return room;
  const wanted = size.maxTokens === null || size.isMaxTokensCut === true ? "" : ` and ${size.maxTokens} for the answer`;
  return new PomonaError(
    "context_length_exceeded",
    `the context of ${size.model} is ${contextLength} tokens; the request needs ${size.promptTokens} for the prompt${wanted}`,
    { field: "prompt", overflow: { promptTokens: size.promptTokens, contextLength } },
  );
}

/** Token ids that the model does not have, as far as its vocabulary is known; null when all may be asked for. */
export function refuseTokens({ deployments }: ClusterState, model: ModelName, input: PromptInput): PomonaError | null {
  const vocabularySize = deployments.get(model)?.facts?.sizing.vocabularySize ?? 0;
  if (input.kind !== "tokens" || vocabularySize === 0) return null;
  const unknown = input.tokenIds.find((id) => id >= vocabularySize);
  if (unknown === undefined) return null;
  const message = `token id ${unknown} is not in the vocabulary of ${model}, which has ${vocabularySize} tokens`;
  return new PomonaError("invalid_request", message, { field: "prompt" });
}

/**
 * The refusal when the queue is full, else null, with the time after which it will have room. Requests that go back into
 * the queue are not asked: they were admitted once.
 */
export function refuseQueue(context: StepContext, model: ModelName, preparing = 0): PomonaError | null {
  const { state, config } = context;
  if (state.queue.length + preparing >= config.queueLengthMax) {
    const message = `${state.queue.length + preparing} requests wait already, the most that this pool queues; try again later`;
    return queueFull(context, model, message);
  }
  if (state.queue.length < config.queueLengthPerModelMax) return null;
  const waiting = state.queue.filter((record) => record.model === model).length;
  if (waiting < config.queueLengthPerModelMax) return null;
  const message = `${waiting} requests for ${model} wait already, the most that this pool queues for a model; try again later`;
  return queueFull(context, model, message);
}

/** What a client is told to wait while nothing can be predicted. */
const unknownWaitMs = 5000;

function queueFull(context: StepContext, model: ModelName, message: string): PomonaError {
  const queue = outlookForNext(context, model);
  if (queue === null) return new PomonaError("queue_full", message, { retryAfterMs: unknownWaitMs });
  return new PomonaError("queue_full", message, { retryAfterMs: queue.expectedWaitMs, queue });
}
