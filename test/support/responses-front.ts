// The Responses API over a real socket: what it answers is judged by OpenAI's document, where that is at hand.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type FakeModel, fakeBound, fakeEnding, saying } from "@pomona/coordinator/http/fake-gateway";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import { post, type ServeOptions, serve } from "./http-front.ts";
import { missingDocument, validatorOf } from "./openai-document.ts";

export const responsesPath = "/v1/responses";
export const hello = { model: "tiny", input: "hi" };
export const weather = {
  type: "function" as const,
  name: "get_weather",
  description: "Get the current weather for a location",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  strict: false,
};
export const question = "What's the weather like in San Francisco?";

/** A model that gives a part of its answer with each token. */
export function giving(...parts: readonly OutputDelta[]): FakeModel {
  return async function* () {
    yield fakeBound();
    for (const [lastIndex, part] of parts.entries()) yield { kind: "output", deltas: [part], lastIndex, tokens: null };
    yield fakeEnding("stop");
  };
}

const calling = giving(
  { kind: "toolCallBegin", index: 0, name: "get_weather" },
  { kind: "toolCallArguments", index: 0, text: '{"location":' },
  { kind: "toolCallArguments", index: 0, text: '"San Francisco"}' },
  { kind: "toolCallEnd", index: 0, isComplete: true },
);
const thinking = giving({ kind: "reasoning", text: "Let me see." }, { kind: "text", text: "Hello." });
const models = { tiny: saying("Hel", "lo ", "🍎"), calling, thinking };

type Event = { readonly type: string; readonly sequence_number: number; readonly [key: string]: unknown };
export type Shown = {
  readonly id: string;
  readonly status: string;
  readonly output: readonly { readonly id: string; readonly type: string; readonly [key: string]: unknown }[];
  readonly [key: string]: unknown;
};

type Page = {
  readonly data: readonly { readonly type: string; readonly phase?: string }[];
  readonly first_id: string;
  readonly last_id: string;
  readonly has_more: boolean;
};

export async function inputItems(url: string, { id }: Shown, query: string): Promise<Page> {
  const page = await (await fetch(`${url}${responsesPath}/${id}/input_items?${query}`)).json();
  check("ResponseItemList", page);
  // The shape is what was checked.
  return page as Page;
}

/** What OpenAI's document, where it is at hand, has against a value. */
export function check(schemaName: string, value: unknown): void {
  if (missingDocument === false) assert.deepEqual(validatorOf(schemaName)(value), []);
}

export async function whole(url: string, body: object): Promise<Shown> {
  const answer = await post(`${url}${responsesPath}`, body);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const response = JSON.parse(text);
  check("Response", response);
  return response;
}

/** The events of a stream, each with the name that it says it has, numbered without a gap. */
export async function streamed(url: string, body: object): Promise<{ events: Event[]; last: Shown }> {
  const answer = await post(`${url}${responsesPath}`, { ...body, stream: true });
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  const blocks = (await answer.text()).split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  assert.equal(blocks.pop(), "data: [DONE]");
  const events = blocks.map((block, index) => {
    const fields = new Map(block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]));
    const event: Event = JSON.parse(fields.get("data") ?? "");
    assert.deepEqual([event.type, event.sequence_number], [fields.get("event"), index]);
    check("ResponseStreamEvent", event);
    return event;
  });
  // The shape is what is asserted next.
  return { events, last: events.at(-1)?.["response"] as Shown };
}

export async function front(t: TestContext, options: ServeOptions = {}) {
  return await serve(t, { models, ...options });
}
