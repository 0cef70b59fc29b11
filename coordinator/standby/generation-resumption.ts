// How the rest of a generation is asked of another coordinator: by its id, from the token after the last one that came.
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import { pomona } from "@pomona/proto/load";
import type { RestCall, Resumption } from "@pomona/shared/grpc/forwarding";
import { PromptReached } from "@pomona/shared/grpc/wire-prompt-logprobs";

const { Generate, Attach } = pomona.Inference.service;

/** By the names of the methods of Inference. */
export const generationResumptions = {
  Generate: () =>
    resumption(Generate.responseDeserialize, (message) => {
      const { response } = Attach.responseDeserialize(message);
      return Generate.responseSerialize(response ?? {});
    }),
  Attach: () =>
    resumption(
      (message) => Attach.responseDeserialize(message).response,
      (message) => message,
    ),
};

function resumption(
  read: (message: Buffer) => InferenceGenerateResponse__Output | null,
  unwrap: RestCall["unwrap"],
): Resumption {
  let requestId = "";
  /** Several messages may end with the same token: a break between them loses none. */
  const last = { index: -1, messages: 0 };
  let toDrop = 0;
  const prompt = new PromptReached();
  return {
    take: (message) => {
      const { bound = null, ending = null, ...frame } = read(message) ?? {};
      if (bound !== null) requestId = bound.requestId;
      if (ending?.error?.code === "shutting_down" && requestId !== "") return "left";
      if (frame.promptLogprobs != null) return prompt.isNew(frame.promptLogprobs) ? "pass" : "drop";
      const index = frame.text?.lastIndex ?? frame.reasoning?.lastIndex ?? frame.toolCall?.lastIndex ?? null;
      if (index === null) return "pass";
      if (index === last.index && toDrop > 0) {
        toDrop -= 1;
        return "drop";
      }
      last.messages = index === last.index ? last.messages + 1 : 1;
      last.index = index;
      return "pass";
    },
    rest: () => {
      if (requestId === "") return null;
      toDrop = last.messages;
      const request = Attach.requestSerialize({ requestId, fromIndex: Math.max(0, last.index) });
      return { path: Attach.path, request, unwrap };
    },
  };
}
