// Answers of /v1/responses: whole, or as events that are numbered from 0.
import { errorTable, type PomonaError } from "@pomona/shared/core/errors";
import type { AnswerEnding } from "../../../core/generation-request.ts";
import { loggedDeltas } from "../../../core/logged-deltas.ts";
import {
  type AnswerHead,
  type AnswerStream,
  type ApiAnswer,
  type CollectedAnswer,
  type Frame,
  type OutputEvent,
  ReasoningTokens,
} from "../../answers/api-answer.ts";
import { errorBody } from "../error-body.ts";
import type { Item } from "./item.ts";
import { OutputItems, type Step } from "./output-items.ts";
import { type ResponseError, type ResponseSettings, type ResponseState, responseObject } from "./response-object.ts";

export function responsesAnswer(settings: ResponseSettings): ApiAnswer {
  return {
    framing: "events",
    whole: (head, answers) => wholeResponse(head, settings, answers).response,
    stream: (head) => new ResponseStream(head, settings),
  };
}

/** The response object and its items; the same as the last event of the same answer on its way. */
export function wholeResponse(
  head: AnswerHead,
  settings: ResponseSettings,
  [answer]: readonly CollectedAnswer[],
): { readonly response: object; readonly output: readonly Item[] } {
  const items = new OutputItems(head.requestId, settings);
  if (answer === undefined) return { response: {}, output: [] };
  for (const { delta, tokens } of loggedDeltas(answer)) items.push(delta, tokens);
  items.end(statusAtEnd(answer.ending));
  const { ending, reasoningTokens } = answer;
  const state = { status: "ended", output: items.done, reasoningTokens, ending } as const;
  return { response: responseObject(head, settings, state), output: items.done };
}

function statusAtEnd({ reason }: AnswerEnding) {
  return reason === "length" ? "incomplete" : "completed";
}

class ResponseStream implements AnswerStream {
  readonly #head: AnswerHead;
  readonly #settings: ResponseSettings;
  readonly #items: OutputItems;
  readonly #reasoningTokens = new ReasoningTokens();
  #sequenceNumber = 0;
  #ending: AnswerEnding | null = null;

  constructor(head: AnswerHead, settings: ResponseSettings) {
    this.#head = head;
    this.#settings = settings;
    this.#items = new OutputItems(head.requestId, settings);
  }

  begin(): readonly Frame[] {
    const response = this.#response({ status: "in_progress" });
    return this.#frames([
      { type: "response.created", response },
      { type: "response.in_progress", response },
    ]);
  }

  output(_choice: number, event: OutputEvent): readonly Frame[] {
    this.#reasoningTokens.add(event);
    return loggedDeltas(event).flatMap(({ delta, tokens }) => this.#frames(this.#items.push(delta, tokens)));
  }

  end(_choice: number, ending: AnswerEnding): readonly Frame[] {
    this.#ending = ending;
    return this.#frames(this.#items.end(statusAtEnd(ending)));
  }

  finish(): readonly Frame[] {
    const ending = this.#ending;
    if (ending === null) return [];
    const type = ending.reason === "length" ? "response.incomplete" : "response.completed";
    const response = this.#response({ status: "ended", ending });
    return [...this.#frames([{ type, response }]), lastFrame];
  }

  failed(error: PomonaError): readonly Frame[] {
    const { error: body } = errorBody(error);
    const { code, message, param } = body;
    // What was said so far stays, as far as it came. That it broke off is no event: another coordinator may go on.
    this.#items.cut();
    const response = this.#response({ status: "failed", error: responseError(error) });
    // OpenAI's document has the parts of an error side by side, Open Responses and OpenAI's clients look into `error`.
    const told = { type: "error", code, message, param, error: body };
    return [...this.#frames([told, { type: "response.failed", response }]), lastFrame];
  }

  #response(state: StateOf<ResponseState>): object {
    const { done: output } = this.#items;
    const { count: reasoningTokens } = this.#reasoningTokens;
    return responseObject(this.#head, this.#settings, { ...state, output: [...output], reasoningTokens });
  }

  #frames(steps: readonly Step[]): readonly Frame[] {
    return steps.map(({ type, ...step }) => {
      const data = { type, sequence_number: this.#sequenceNumber, ...step };
      this.#sequenceNumber += 1;
      return { event: type, data };
    });
  }
}

/** All but what the stream itself knows. */
type StateOf<State> = State extends unknown ? Omit<State, "output" | "reasoningTokens"> : never;

/** As every stream of this API ends, https://www.openresponses.org/specification. */
const lastFrame: Frame = { data: "[DONE]" };

/** In the words that OpenAI's schema allows; the event before it has the pool's own code. */
function responseError({ code, message }: PomonaError): ResponseError {
  const { httpStatus } = errorTable[code];
  if (httpStatus === 429) return { code: "rate_limit_exceeded", message };
  return { code: httpStatus === 400 ? "invalid_prompt" : "server_error", message };
}
