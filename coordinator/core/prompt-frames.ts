// Log-probabilities of a prompt on their way from a node. An attempt after a loss tells all of them again: they are passed on once.
import type { AttemptFrame } from "@pomona/shared/core/generation";
import { promptRows, splitPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { Effect } from "./effect.ts";
import type { RequestRecord } from "./state.ts";

type PromptFrame = Extract<AttemptFrame, { kind: "promptLogprobs" }>;

/** Passes on what is new of them; null for what no engine that works sends: others than were asked for, or with a gap. */
export function takePromptLogprobs(record: RequestRecord, { logprobs }: PromptFrame): Effect[] | null {
  const { place, requestId, promptTokenIds, decoding, loggedPromptTokens } = record;
  if (place.kind !== "bound") return [];
  const { firstIndex, rowLength, ids } = logprobs;
  const end = firstIndex + promptRows(logprobs);
  const isAsked = decoding.logsPrompt && rowLength === 1 + (decoding.topLogprobs ?? 0) && end <= promptTokenIds.length;
  if (!isAsked || firstIndex > loggedPromptTokens) return null;
  for (let index = firstIndex; index < end; index += 1)
    if (ids[(index - firstIndex) * rowLength] !== promptTokenIds[index]) return null;
  const [, rest] = splitPrompt(logprobs, loggedPromptTokens);
  if (rest === null) return [];
  record.loggedPromptTokens = end;
  const frame = { kind: "promptLogprobs", logprobs: rest } as const;
  return [{ kind: "deliver", requestId, nodeId: place.nodeId, frame }];
}
