// What slots and saved states spare: nothing is evaluated twice, and nobody gets another one's KV.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { EngineReplica, StateStoreSpec } from "@pomona/node-agent/engine/engine";
import { ownScope } from "@pomona/shared/core/generation";
import { keyedModel, predictKeyedIds } from "@pomona/shared/core/gguf/keyed-model";
import { recurrentModel } from "@pomona/shared/core/gguf/recurrent-model";
import { attemptOf, type Changes, ids, start } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";
import { waitFor } from "../support/wait-for.ts";

const models = new EngineModels();
after(() => models.remove());

function stateStore(name: string, changes: Partial<StateStoreSpec> = {}): StateStoreSpec {
  const directory = join(models.folder, name);
  const limits = { ramBytes: 64e6, diskBytes: 256e6, diskWriteBytesPerDay: 1e9, kvBytesPerToken: 1024 };
  return { directory, ...limits, ...changes };
}

function load(slots: number, store: StateStoreSpec): Promise<EngineReplica> {
  return models.load("keyed", keyedModel, { slots, contextLength: 1024, stateStore: store });
}

async function answer(replica: EngineReplica, prompt: string, changes: Changes = {}) {
  const promptTokenIds = await ids(replica, prompt);
  const { ids: generated, ending } = await start(replica, attemptOf(promptTokenIds, changes)).done;
  assert.deepEqual(generated, predictKeyedIds(promptTokenIds, 20));
  return { promptTokens: promptTokenIds.length, cached: ending.usage.cachedPromptTokens };
}

const longPrompt = (key: number, length = 700): string => `${key}${"lorem ipsum ".repeat(length).slice(0, length)}x`;

test("a prompt whose slot was taken by others comes back from memory, and after a restart from the disk", async () => {
  const store = stateStore("restart");
  const first = await load(1, store);
  const { promptTokens } = await answer(first, longPrompt(1));
  await answer(first, longPrompt(2));
  assert.equal((await answer(first, longPrompt(1))).cached, promptTokens - 1);
  await waitFor(() => first.held.some(({ place }) => place === "ram"), 10_000);
  await first.close();

  const second = await load(1, store);
  for (const key of [1, 2]) assert.equal((await answer(second, longPrompt(key))).cached, promptTokens - 1);
  await second.close();
});

test("a saved state that is broken is not used", async () => {
  const store = stateStore("broken");
  const first = await load(1, store);
  await answer(first, longPrompt(3));
  await first.close();
  const files = readdirSync(store.directory).filter((name) => name.endsWith(".kv"));
  assert.ok(files.length > 0);
  for (const name of files) {
    const path = join(store.directory, name);
    const content = readFileSync(path);
    content.fill(0xff, content.length / 2);
    writeFileSync(path, content);
  }
  mkdirSync(store.directory, { recursive: true });
  writeFileSync(join(store.directory, "99.json"), "{ this is not");
  const second = await load(1, store);
  assert.equal((await answer(second, longPrompt(3))).cached, 0);
  assert.ok(!readdirSync(store.directory).includes("99.json"));
  await second.close();
});

test("without room in memory and on disk nothing is kept, and all is answered", async () => {
  const replica = await load(1, stateStore("full", { ramBytes: 0, diskBytes: 0 }));
  await answer(replica, longPrompt(4));
  await answer(replica, longPrompt(5));
  assert.equal((await answer(replica, longPrompt(4))).cached, 0);
  await replica.close();
});

test("requests with the same beginning that come together evaluate it once", async () => {
  const replica = await load(4, stateStore("burst"));
  const common = longPrompt(6, 600);
  const prompts = [0, 1, 2, 3].map((i) => `${common} ${"abcd"[i]?.repeat(40)}`);
  const answers = await Promise.all(prompts.map((prompt) => answer(replica, prompt)));
  const evaluated = answers.reduce((sum, { promptTokens, cached }) => sum + promptTokens - cached, 0);
  const [{ promptTokens = 0 } = {}] = answers;
  assert.ok(evaluated < promptTokens + 3 * 110, `${evaluated} of ${4 * promptTokens} tokens were evaluated`);
  await replica.close();
});

test("what prompts call shared is used for others, and nothing beyond it", async () => {
  const replica = await load(2, stateStore("shared"));
  const prompt = longPrompt(8, 900);
  const scope = (owner: string, sharedTokens: number) => ({ cacheScope: { owner, sharedTokens } });
  const { promptTokens } = await answer(replica, prompt, scope("a", 700));
  const other = await answer(replica, prompt, scope("b", 700));
  assert.ok(other.cached >= 512 && other.cached <= 700, `${other.cached} of ${promptTokens}`);
  assert.equal((await answer(replica, prompt, scope("c", 0))).cached, 0);
  assert.equal((await answer(replica, prompt, scope("b", 700))).cached, promptTokens - 1);
  await replica.close();
});

test("nothing of one scope is used for another", async () => {
  const replica = await load(2, stateStore("scopes"));
  const prompt = longPrompt(7);
  const { promptTokens } = await answer(replica, prompt, { cacheScope: ownScope("a") });
  assert.equal((await answer(replica, prompt, { cacheScope: ownScope("b") })).cached, 0);
  for (const cacheScope of ["a", "b"].map(ownScope))
    assert.equal((await answer(replica, prompt, { cacheScope })).cached, promptTokens - 1);
  assert.equal((await answer(replica, prompt)).cached, 0);
  await replica.close();
});

test("a model with a recurrent memory goes back to a checkpoint, and answers as from the beginning", async (t) => {
  const slots = { slots: 1, contextLength: 1024 };
  const replica = await models.load("recurrent", recurrentModel, { ...slots, stateStore: stateStore("recurrent") });
  const fresh = await models.load("recurrent", recurrentModel, slots);
  t.after(() => Promise.all([replica.close(), fresh.close()]));
  const first = await ids(replica, longPrompt(1, 500));
  const whole = await start(replica, attemptOf(first, { maxTokens: 30 })).done;
  assert.ok(new Set(whole.ids).size > 3);
  const second = [...first, ...whole.ids, ...(await ids(replica, " and on")).slice(1)];
  const other = [...first.slice(0, -1), ...(await ids(replica, "y, another end")).slice(1)];
  for (const { prompt, cachedMin } of [
    { prompt: first, cachedMin: first.length - 1 },
    { prompt: second, cachedMin: first.length - 1 },
    { prompt: other, cachedMin: 0 },
    { prompt: first, cachedMin: 0 },
  ]) {
    const again = await start(replica, attemptOf(prompt, { maxTokens: 30 })).done;
    const expected = await start(
      fresh,
      attemptOf(prompt, { maxTokens: 30, cacheScope: ownScope(`${prompt.length}${again.ids}`) }),
    ).done;
    assert.equal(expected.ending.usage.cachedPromptTokens, 0);
    assert.deepEqual(again.ids, expected.ids);
    assert.ok(again.ending.usage.cachedPromptTokens >= cachedMin, `${again.ending.usage.cachedPromptTokens} cached`);
  }
});

/** A repeatable source of randomness; its seed is in the name of the test. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test("1,000 random requests over 8 slots, with reuse, saves, restores, aborts and resumes (seed 2026)", async () => {
  const random = randomOf(2026);
  const replica = await load(8, stateStore("random", { ramBytes: 4e6 }));
  const beginnings = Array.from({ length: 12 }, (_, i) => longPrompt(i % 10, 130 + random(400)));
  let reused = 0;
  const request = async (): Promise<void> => {
    const beginning = beginnings[random(beginnings.length)] ?? "";
    const prompt = `${beginning.slice(0, random(2) === 0 ? beginning.length : random(beginning.length) + 1)} ${random(10)}q`;
    const promptTokenIds = await ids(replica, prompt);
    const maxTokens = 1 + random(30);
    const expected = predictKeyedIds(promptTokenIds, maxTokens);
    const emitted = random(4) === 0 ? expected.slice(0, random(maxTokens)) : [];
    const attempt = attemptOf(promptTokenIds, { maxTokens, emittedTokenIds: emitted, epoch: 1 + random(3) });
    const started = start(replica, attempt);
    if (random(6) === 0) {
      for (let turns = random(40); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
      replica.cancel(attempt.requestId, attempt.epoch);
    }
    const { ids: generated, ending } = await started.done;
    assert.deepEqual(generated, expected.slice(emitted.length, emitted.length + generated.length));
    if (ending.reason !== "cancelled") assert.equal(ending.usage.generatedTokens, maxTokens);
    reused += ending.usage.cachedPromptTokens;
  };
  const client = async (): Promise<void> => {
    for (let i = 0; i < 125; i += 1) await request();
  };
  await Promise.all(Array.from({ length: 8 }, client));
  assert.ok(reused > 10_000, `${reused} tokens were reused`);
  await waitFor(() => new Set(replica.held.map(({ place }) => place)).size === 3, 10_000);
  await replica.close();
});
