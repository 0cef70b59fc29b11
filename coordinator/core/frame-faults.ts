// What no engine that works sends: tokens out of turn, more of them than were asked for, or such as the model does not have.
import type { TokensFrame } from "./attempt-progress.ts";
import type { ClusterState, RequestRecord } from "./state.ts";

/** What is wrong with the next tokens of a request, as a predicate of the node that sent them; null where nothing is. */
export function faultIn(
  { deployments }: ClusterState,
  { model, promptTokenIds, emittedTokenIds, decoding, loggedPromptTokens }: RequestRecord,
  { firstIndex, ids, texts }: TokensFrame,
): string | null {
  const isInOrder = firstIndex === emittedTokenIds.length && ids.length === texts.length;
  if (!isInOrder || firstIndex + ids.length > decoding.maxTokens)
    return `sent token ${firstIndex} when ${emittedTokenIds.length} was due`;
  if (decoding.logsPrompt && loggedPromptTokens < promptTokenIds.length)
    return `sent token ${firstIndex} before it had told the prompt's log-probabilities`;
  const vocabularySize = deployments.get(model)?.facts?.sizing.vocabularySize ?? 0;
  const alien = vocabularySize === 0 ? undefined : ids.find((id) => id >= vocabularySize);
  return alien === undefined ? null : `sent token id ${alien}, and ${model} has ${vocabularySize}`;
}
