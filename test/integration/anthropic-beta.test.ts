// The beta of Anthropic's API: what its answers have beside those of the API.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type FakeModel, fakeBound, fakeEnding } from "@pomona/coordinator/http/fake-gateway";
import { post, serve } from "../support/http-front.ts";

const path = "/v1/messages?beta=true";
const hello = { model: "tiny", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
const context_management = { edits: [{ type: "clear_thinking_20251015", keep: "all" }] };

const thinker: FakeModel = async function* () {
  yield fakeBound();
  yield { kind: "output", deltas: [{ kind: "reasoning", text: "Hm." }], lastIndex: 0, tokens: null };
  yield fakeEnding("stop");
};

type Answer = { readonly context_management?: object | null; readonly usage: object };
type StreamEvent = { readonly type: string; readonly message?: Answer; readonly delta?: object } & Partial<Answer>;

async function eventsOf(response: Response): Promise<StreamEvent[]> {
  return [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(
    ([, data = ""]) => JSON.parse(data) as StreamEvent,
  );
}

const hasBetaUsage = (usage: object | undefined): boolean =>
  usage !== undefined && "iterations" in usage && "fallback_credit" in usage;

test("an answer of the beta has the beta's fields, and no other has them", async (t) => {
  const { url } = await serve(t);
  const table = [
    ["/v1/messages", {}, undefined],
    ["/v1/messages", { context_management }, undefined],
    [path, {}, null],
    [path, { context_management }, { applied_edits: [] }],
  ] as const;
  for (const [where, more, context] of table) {
    const isBeta = where === path;
    const whole = (await (await post(`${url}${where}`, { ...hello, ...more })).json()) as Answer;
    assert.deepEqual([whole.context_management, hasBetaUsage(whole.usage)], [context, isBeta]);
    // Some say it by a header.
    const headers = { "content-type": "application/json", ...(isBeta ? { "anthropic-beta": "any-2026-01-01" } : {}) };
    const events = await eventsOf(await post(`${url}/v1/messages`, { ...hello, ...more, stream: true }, { headers }));
    const start = events[0]?.message;
    const end = events.find(({ type }) => type === "message_delta");
    assert.deepEqual([start?.context_management, end?.context_management], [isBeta ? null : undefined, context]);
    assert.deepEqual([hasBetaUsage(start?.usage), hasBetaUsage(end?.usage)], [isBeta, isBeta]);
  }
});

test("thoughts of the beta come with an estimate, which is not made here", async (t) => {
  const { url } = await serve(t, { models: { tiny: thinker } });
  const thoughts = async (where: string) =>
    (await eventsOf(await post(`${url}${where}`, { ...hello, stream: true })))
      .map(({ delta }) => delta)
      .find((delta) => delta !== undefined && "thinking" in delta);
  assert.deepEqual(await thoughts(path), { type: "thinking_delta", thinking: "Hm.", estimated_tokens: null });
  assert.deepEqual(await thoughts("/v1/messages"), { type: "thinking_delta", thinking: "Hm." });
});

test("a count of the beta says what it was before its context was edited: the same", async (t) => {
  const { url } = await serve(t);
  const { max_tokens: _, ...counted } = hello;
  const count = async (where: string, more: object) =>
    await (await post(`${url}/v1/messages/count_tokens${where}`, { ...counted, ...more })).json();
  assert.deepEqual(await count("?beta=true", {}), { input_tokens: 2, context_management: null });
  const managed = { input_tokens: 2, context_management: { original_input_tokens: 2 } };
  assert.deepEqual(await count("?beta=true", { context_management }), managed);
  assert.deepEqual(await count("", { context_management }), { input_tokens: 2 });
});
