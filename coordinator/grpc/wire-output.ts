// The parts of answers, and how they are wanted: wire format <-> values of core/generation-request.
import type { InferenceGenerateResponse } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import type { LoggedToken as WireLoggedToken } from "@pomona/proto/generated/pomona/v1/LoggedToken";
import type { OutputWish__Output } from "@pomona/proto/generated/pomona/v1/OutputWish";
import { unreachable } from "@pomona/shared/core/assert";
import type { RequestId } from "@pomona/shared/core/ids";
import { checkText, fail } from "@pomona/shared/grpc/wire-checks";
import { callId } from "../call-id.ts";
import {
  type AnswerShape,
  freeOutput,
  type GenerationEvent,
  type LoggedToken,
  type OutputWish,
} from "../core/generation-request.ts";
import { loggedDeltas } from "../core/logged-deltas.ts";

const schemaLengthMax = 256 * 1024;
const wordLengthMax = 256;
const topLogprobsMax = 20;
const toolPrefix = "tool:";

/** @throws PomonaError `invalid_request` that names the field. */
export function outputFromWire(wire: OutputWish__Output | null): OutputWish {
  if (wire === null) return freeOutput;
  const topLogprobs = wire.topLogprobs ?? null;
  if (topLogprobs !== null && topLogprobs > topLogprobsMax)
    fail("output.top_logprobs", `must be at most ${topLogprobsMax}`);
  if (wire.promptLogprobs && topLogprobs === null) fail("output.prompt_logprobs", "is only possible with top_logprobs");
  const effort = checkText("output.effort", wire.effort, wordLengthMax);
  return {
    shape: shapeFromWire(wire),
    toolChoice: toolChoiceFromWire(checkText("output.tool_choice", wire.toolChoice, wordLengthMax)),
    isOneCall: wire.singleCall,
    effort: effort === "" ? null : effort,
    topLogprobs,
    logsPrompt: topLogprobs !== null && wire.promptLogprobs,
  };
}

function shapeFromWire({ jsonSchema, jsonObject }: OutputWish__Output): AnswerShape {
  const field = "output.json_schema";
  if (checkText(field, jsonSchema, schemaLengthMax) === "") return { kind: jsonObject ? "json" : "text" };
  try {
    return { kind: "schema", schema: JSON.parse(jsonSchema), field };
  } catch {
    return fail(field, "is not JSON");
  }
}

function toolChoiceFromWire(choice: string): OutputWish["toolChoice"] {
  if (choice.startsWith(toolPrefix)) return { name: choice.slice(toolPrefix.length) };
  if (choice === "" || choice === "auto") return "auto";
  if (choice === "none" || choice === "required") return choice;
  return fail("output.tool_choice", `must be auto, none, required, or the name of a tool after "${toolPrefix}"`);
}

/** Each part is a message of its own. */
export function outputToWire(
  requestId: RequestId,
  output: Extract<GenerationEvent, { kind: "output" }>,
): InferenceGenerateResponse[] {
  const { lastIndex } = output;
  return loggedDeltas(output).map(({ delta, tokens }): InferenceGenerateResponse => {
    switch (delta.kind) {
      case "text":
        return { frame: "text", text: { text: delta.text, lastIndex, tokens: (tokens ?? []).map(tokenToWire) } };
      case "reasoning":
        return { frame: "reasoning", reasoning: { text: delta.text, lastIndex } };
      case "toolCallBegin": {
        const { index, name } = delta;
        return { frame: "toolCall", toolCall: { index, id: callId(requestId, index), name, lastIndex } };
      }
      case "toolCallArguments":
        return { frame: "toolCall", toolCall: { index: delta.index, arguments: delta.text, lastIndex } };
      case "toolCallEnd": {
        const { index, isComplete } = delta;
        return { frame: "toolCall", toolCall: { index, isLast: true, isComplete, lastIndex } };
      }
      default:
        return unreachable(delta);
    }
  });
}

function tokenToWire({ text, logprob, top }: LoggedToken): WireLoggedToken {
  return { text: Buffer.from(text), logprob, top: top.map((one) => ({ ...one, text: Buffer.from(one.text) })) };
}
