import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ending } from "@pomona/shared/core/generation";
import { shownText } from "@pomona/shared/core/output/output-delta";
import { packPrompt } from "@pomona/shared/core/prompt-logprobs";
import type { GenerationEvent } from "./core/generation-request.ts";
import { plainAssembly } from "./core/output-plan.ts";
import { GenerationSession } from "./generation-session.ts";

const ending: Ending = {
  reason: "length",
  failure: null,
  usage: { promptTokens: 1, cachedPromptTokens: 0, generatedTokens: 3 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
};

const bytes = (text: string): Uint8Array[] => [...new TextEncoder().encode(text)].map((byte) => Uint8Array.of(byte));
const never = (): AbortSignal => new AbortController().signal;

function session(stop: readonly string[] = []) {
  const counts = { abandoned: 0 };
  const onAbandoned = (): void => {
    counts.abandoned += 1;
  };
  return { counts, session: new GenerationSession("ab".repeat(16), { stop, assembly: plainAssembly }, onAbandoned) };
}

async function textOf(events: AsyncIterable<GenerationEvent>): Promise<string> {
  let text = "";
  for await (const event of events) if (event.kind === "output") text += shownText(event.deltas);
  return text;
}

test("a reader gets what was before it and what comes, and the ending last", async () => {
  const { session: running, counts } = session();
  running.addTokens(bytes("ab"), null);
  const text = textOf(running.read(0, never()));
  running.addTokens(bytes("c"), null);
  running.end(ending, false);
  assert.equal(await text, "abc");
  assert.equal(counts.abandoned, 0, "who reads to the end abandons nothing");
});

test("the token that ended an answer is told after its text, with nothing to show", async () => {
  const { session: running } = session();
  running.addTokens(bytes("a"), [{ logprob: -1, top: [] }]);
  running.end({ ...ending, reason: "stop", endLogprobs: { logprob: -2, top: [] } }, false);
  const told: unknown[] = [];
  for await (const event of running.read(0, never()))
    if (event.kind === "output") told.push([shownText(event.deltas), event.lastIndex, event.tokens?.[0]?.logprob]);
  assert.deepEqual(told, [
    ["a", 0, -1],
    ["", 1, -2],
  ]);
});

test("the tokens of a prompt come to whoever reads from the beginning, and to nobody who has some of the answer", async () => {
  const { session: running } = session();
  const row = { id: 1, text: new Uint8Array(0), logprobs: null };
  running.add({ kind: "prompt", logprobs: packPrompt(0, 0, [row]) });
  for (const letter of "ab") running.addTokens(bytes(letter), null);
  running.end(ending, false);
  const kinds = async (fromIndex: number) => {
    const read: string[] = [];
    for await (const { kind } of running.read(fromIndex, never())) read.push(kind);
    return read;
  };
  assert.deepEqual(await kinds(0), ["prompt", "output", "output", "ending"]);
  assert.deepEqual(await kinds(1), ["output", "ending"]);
});

test("a reader from a token index gets no text before it", async () => {
  const { session: running } = session();
  for (const letter of "abcd") running.addTokens(bytes(letter), null);
  running.end(ending, false);
  assert.equal(await textOf(running.read(2, never())), "cd");
});

test("text that was held back for a stop string comes before the ending, and a met one never does", async () => {
  const held = session(["xyz"]).session;
  held.addTokens(bytes("axy"), null);
  held.end(ending, false);
  assert.equal(await textOf(held.read(0, never())), "axy");
  const met = session(["xyz"]).session;
  assert.equal(met.addTokens(bytes("axyzb"), null), true);
  met.end(ending, true);
  assert.equal(await textOf(met.read(0, never())), "a");
});

test("text that was held back reaches whoever has the rest of its last token", async () => {
  const { session: running } = session(["xyz"]);
  running.addTokens([...bytes("a"), new TextEncoder().encode("bxy")], null);
  running.end(ending, false);
  assert.equal(await textOf(running.read(0, never())), "abxy");
  assert.equal(await textOf(running.read(2, never())), "xy");
  assert.equal(await textOf(running.read(3, never())), "");
});

test("log-probabilities are those of the text, and none of a thought or what stands around it", async () => {
  const format = { calls: "none", thoughts: "think" } as const;
  const running = new GenerationSession(
    "ab".repeat(16),
    { stop: [], assembly: { ...plainAssembly, format } },
    () => {},
  );
  const texts = ["<think>", "\n", "hm", "\n", "</think>", "\n\n", "So", " it"].map((text) =>
    new TextEncoder().encode(text),
  );
  const logprobs = texts.map(() => ({ logprob: -1, top: [] }));
  running.addTokens(texts, logprobs);
  running.end(ending, false);
  const told: string[] = [];
  for await (const event of running.read(0, never()))
    if (event.kind === "output") told.push(...(event.tokens ?? []).map(({ text }) => new TextDecoder().decode(text)));
  assert.deepEqual(told, ["So", " it"]);
});

test("the ending names the stop string that was met", async () => {
  const stopStringOf = async (said: string, isStopped: boolean) => {
    const { session: running } = session(["two", "three", "tw"]);
    running.addTokens(bytes(said), null);
    running.end(ending, isStopped);
    for await (const event of running.read(0, never())) if (event.kind === "ending") return event.ending.stopString;
    return assert.fail("no ending");
  };
  assert.equal(await stopStringOf("one three", true), "three");
  assert.equal(await stopStringOf("one two", true), "tw", "the one that is whole first");
  assert.equal(await stopStringOf("one thre", false), null);
});

test("the last reader that leaves early abandons the request, once", async () => {
  const { session: running, counts } = session();
  running.addTokens(bytes("abc"), null);
  const [first, second] = [new AbortController(), new AbortController()];
  const texts = [textOf(running.read(0, first.signal)), textOf(running.read(0, second.signal))];
  first.abort();
  await texts[0];
  assert.equal(counts.abandoned, 0, "the other one still reads");
  second.abort();
  await texts[1];
  assert.equal(counts.abandoned, 1);
});

test("leaving the loop abandons at once", async () => {
  const { session: running, counts } = session();
  running.addTokens(bytes("abc"), null);
  for await (const event of running.read(0, never())) if (event.kind === "output") break;
  assert.equal(counts.abandoned, 1);
});
