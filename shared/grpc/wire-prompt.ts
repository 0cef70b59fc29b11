// Prompt inputs: the oneofs of three requests <-> PromptInput. From the wire they validate and throw PomonaError
// `invalid_request` with the field.
import type { Chat, Chat__Output } from "@pomona/proto/generated/pomona/v1/Chat";
import type { InferenceGenerateRequest__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateRequest";
import type { Infill, Infill__Output } from "@pomona/proto/generated/pomona/v1/Infill";
import type { TokenIds } from "@pomona/proto/generated/pomona/v1/TokenIds";
import { PomonaError } from "../core/errors.ts";
import type { PromptInput } from "../core/generation.ts";
import { type AnswerForm, thinkings } from "../core/output/answer-form.ts";
import { callFormats, thoughtFormats } from "../core/output/output-parser.ts";
import { chatFromWire, chatToWire } from "./wire-chat.ts";
import { checkLength, checkPresent, checkText, fail, textLengthMax, tokensMax } from "./wire-checks.ts";

/** The `input` of NodeTokenizeRequest and InferenceTokenizeRequest. */
export type TokenizeInputWire =
  | { readonly input: "text"; readonly text: string }
  | { readonly input: "chat"; readonly chat: Chat }
  | { readonly input: "infill"; readonly infill: Infill };

/** @throws PomonaError `invalid_request` for token ids, which need no tokenizing. */
export function tokenizeInputToWire(input: PromptInput): TokenizeInputWire {
  switch (input.kind) {
    case "text":
      return { input: "text", text: input.text };
    case "chat":
      return { input: "chat", chat: chatToWire(input) };
    case "infill":
      return { input: "infill", infill: { prefix: input.prefix, suffix: input.suffix } };
    case "tokens":
      throw new PomonaError("invalid_request", "token ids need no tokenizing", { field: "input" });
  }
}

/** What both tokenize requests have in common once decoded. */
export type TokenizeInputOutput = {
  readonly text?: string;
  readonly chat?: Chat__Output | null;
  readonly infill?: Infill__Output | null;
  readonly input?: "text" | "chat" | "infill";
};

export function tokenizeInputFromWire(wire: TokenizeInputOutput): PromptInput {
  switch (wire.input) {
    case "text":
      return { kind: "text", text: checkText("text", checkPresent("text", wire.text), textLengthMax) };
    case "chat":
      return { kind: "chat", ...chatFromWire(checkPresent("chat", wire.chat)) };
    case "infill": {
      const infill = checkPresent("infill", wire.infill);
      const prefix = checkText("infill.prefix", infill.prefix, textLengthMax);
      return { kind: "infill", prefix, suffix: checkText("infill.suffix", infill.suffix, textLengthMax) };
    }
    default:
      return fail("input", "is missing: set text or chat");
  }
}

/** What a NodeTokenizeResponse says of the answer. */
export type AnswerFormWire = {
  readonly startsInReasoning: boolean;
  readonly startsInText: boolean;
  readonly callFormat: string;
  readonly thoughts: string;
  readonly thinking: string;
};

export function answerFormToWire(form: AnswerForm): AnswerFormWire {
  const { format, startsInReasoning, startsInText = false, thinking } = form;
  return { startsInReasoning, startsInText, callFormat: format.calls, thoughts: format.thoughts, thinking };
}

export function answerFormFromWire(form: AnswerFormWire): AnswerForm {
  const { startsInReasoning, startsInText, callFormat, thoughts, thinking } = form;
  const calls = callFormats.find((known) => known === callFormat) ?? fail("call_format", "is not known");
  const known = thinkings.find((one) => one === thinking) ?? fail("thinking", "is not known");
  const tags = thoughtFormats.find((one) => one === thoughts) ?? fail("thoughts", "is not known");
  return {
    format: { calls, thoughts: tags },
    startsInReasoning,
    ...(startsInText ? { startsInText } : {}),
    thinking: known,
  };
}

/** The `input` of InferenceGenerateRequest. */
export type GenerateInputWire =
  | { readonly input: "prompt"; readonly prompt: string; readonly suffix?: string }
  | { readonly input: "chat"; readonly chat: Chat }
  | { readonly input: "promptTokenIds"; readonly promptTokenIds: TokenIds };

export function generateInputToWire(input: PromptInput): GenerateInputWire {
  switch (input.kind) {
    case "text":
      return { input: "prompt", prompt: input.text };
    case "chat":
      return { input: "chat", chat: chatToWire(input) };
    case "infill":
      return { input: "prompt", prompt: input.prefix, suffix: input.suffix };
    case "tokens":
      return { input: "promptTokenIds", promptTokenIds: { ids: [...input.tokenIds] } };
  }
}

export function generateInputFromWire(wire: InferenceGenerateRequest__Output): PromptInput {
  const suffix = checkText("suffix", wire.suffix, textLengthMax);
  if (suffix !== "" && wire.input !== "prompt") fail("suffix", "is only possible with a prompt that is text");
  switch (wire.input) {
    case "prompt": {
      const text = checkText("prompt", checkPresent("prompt", wire.prompt), textLengthMax);
      return suffix === "" ? { kind: "text", text } : { kind: "infill", prefix: text, suffix };
    }
    case "chat":
      return { kind: "chat", ...chatFromWire(checkPresent("chat", wire.chat)) };
    case "promptTokenIds": {
      const { ids } = checkPresent("prompt_token_ids", wire.promptTokenIds);
      if (ids.length === 0) fail("prompt_token_ids", "must hold at least one token");
      return { kind: "tokens", tokenIds: checkLength("prompt_token_ids", ids, tokensMax) };
    }
    default:
      return fail("input", "is missing: set prompt, chat or prompt_token_ids");
  }
}
