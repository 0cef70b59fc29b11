// The state of a long prompt is brought to a peer: its node is killed, and the peer goes on without evaluating it again.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { countingModel, predictCounting } from "@pomona/shared/core/gguf/counting-model";
import { keyedModel } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { firstPieceTokenId } from "@pomona/shared/core/gguf/vocabulary";
import { expectedText } from "../chaos/prompts.ts";
import { type IndexedRequest, IndexedStream } from "../support/indexed-stream.ts";
import { pomonaPath } from "../support/running-pool.ts";
import { TwoNodes, type TwoNodesOptions } from "../support/two-nodes.ts";
import { waitFor } from "../support/wait-for.ts";

const promptTokens = 1500;
const deadlineMs = 60_000;
const timeout = 300_000;

let pool: TwoNodes;

function usePool(options: () => TwoNodesOptions, mode = "on"): void {
  before(async () => {
    pool = await TwoNodes.start({ ...options(), environment: { POMONA_KV_CHECKPOINT: mode } });
  });
  after(() => pool?.close());
}

/** How many states had an outcome, of all models. */
async function count(outcome: string): Promise<number> {
  let sum = 0;
  for (const [labels, value] of await pool.series("pomona_checkpoints_total"))
    if (labels.includes(`outcome="${outcome}"`)) sum += value;
  return sum;
}

/** States on a node that it saves for others, or holds for them. */
function statesOn(nodeId: string): string[] {
  const directory = join(pool.node(nodeId).options.stateDir, "kv", "peers");
  return readdirSync(directory).map((name) => join(directory, name));
}

function longPrompt(end: string): string {
  return `${"words of a long prompt ".repeat(promptTokens).slice(0, promptTokens)}${end}`;
}

/** Kills the node of a stream once its state is at the other one, where something may happen to it before. */
async function cut(request: IndexedRequest, damage: (path: string) => void = () => undefined): Promise<IndexedStream> {
  const [held, used] = [await count("held"), (await count("restored")) + (await count("failed"))];
  const stream = new IndexedStream(pool.http, request, deadlineMs);
  await waitFor(
    async () => stream.isEnded || (await count("held")) > held,
    deadlineMs,
    "its state is at the other node",
  );
  assert.ok(!stream.isEnded, "it runs long enough to be cut");
  const [nodeId = ""] = stream.nodes;
  const other = pool.nodes.find(({ id }) => id !== nodeId);
  assert.ok(other !== undefined);
  const states = statesOn(other.id);
  assert.equal(states.length, 1);
  for (const path of states) damage(path);
  await pool.node(nodeId).process.kill();
  await stream.done;
  assert.deepEqual([stream.errors, stream.nodes, stream.finishReasons], [[], [nodeId, other.id], ["length"]]);
  assert.equal((await count("restored")) + (await count("failed")), used + 1);
  await waitFor(() => statesOn(other.id).length === 0, deadlineMs, "nothing is left of the state");
  return stream;
}

async function why(requestId: string): Promise<string> {
  const words = [pomonaPath, "why", requestId, "--grpc", pool.grpc];
  return (await promisify(execFile)(process.execPath, words, { timeout: 20_000 })).stdout;
}

async function restoredExactly(t: TestContext, request: IndexedRequest, expected: string): Promise<void> {
  const stream = await cut(request);
  assert.equal(stream.text, expected);
  assert.equal(await count("restored"), 1);
  const story = await why(stream.requestId);
  assert.match(story, new RegExp(`Its state was saved on node ${stream.nodes[1]} as well\\.`));
  assert.match(story, /It went on from the state that the node before had saved there\./);
  const [, reused] = /(\d+) prompt tokens were reused\.\nIt went on from/.exec(story) ?? [];
  assert.ok(Number(reused) > promptTokens - 300, story);
  t.diagnostic(`${reused} tokens were not evaluated again`);
}

function flip(path: string): void {
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] ?? 0) ^ 1;
  writeFileSync(path, content);
}

const tokens = 6000;

describe("llama engines, counting", { timeout }, () => {
  usePool(() => ({ engine: "llama", models: { counting: countingModel({ variant: "cycle" }) } }));
  const prompt = longPrompt("a");
  const request = { model: "counting", prompt, maxTokens: tokens };
  const expected = predictCounting(prompt, tokens, "cycle");

  test("a request goes on from the state at the peer, exactly", (t) => restoredExactly(t, request, expected));

  const faults: readonly (readonly [string, (path: string) => void])[] = [
    ["has changed", flip],
    ["was cut off", (path) => truncateSync(path, 1000)],
  ];
  for (const [index, [fault, damage]] of faults.entries()) {
    test(`where the state ${fault}, the prompt is evaluated, and nothing is wrong`, async () => {
      await pool.restore();
      // Another prompt: what the last ones have left in slots is of no use.
      const other = `${index}${prompt}`;
      const stream = await cut({ ...request, prompt: other }, damage);
      assert.equal(stream.text, predictCounting(other, tokens, "cycle"));
      assert.deepEqual([await count("restored"), await count("failed")], [1, index + 1]);
      assert.match(await why(stream.requestId), /was broken: the prompt was evaluated again\./);
    });
  }
});

describe("llama engines, random weights, with a seed", { timeout }, () => {
  usePool(() => ({ engine: "llama", models: { random: randomModel("25m", "Q8_0") } }));

  test("a request goes on from the state at the peer, exactly", async (t) => {
    const bannedIds = Array.from({ length: firstPieceTokenId }, (_, id) => id);
    const sampling = { temperature: 0.8, seed: 7, bannedIds };
    const request = { model: "random", prompt: longPrompt(""), maxTokens: 600, ...sampling };
    // From the second run on, all but the last token of the prompt is in a slot of that node: the logits are the same.
    let undisturbed = "";
    for (const _ of [1, 2]) {
      const stream = new IndexedStream(pool.http, request, deadlineMs);
      await stream.done;
      undisturbed = stream.text;
    }
    assert.ok(new Set(undisturbed.match(/.{5}/g)).size > 100, "the answer does not go in circles");
    await restoredExactly(t, request, undisturbed);
  });
});

describe("simulated engines", { timeout }, () => {
  usePool(() => ({ engine: "simulated", models: { any: keyedModel() } }));

  test("a request goes on from the state at the peer, exactly", async (t) => {
    const prompt = longPrompt("");
    await restoredExactly(t, { model: "any", prompt, maxTokens: 300 }, expectedText("simulated", prompt, 300));
  });
});

describe("simulated engines whose lines nobody knows", { timeout }, () => {
  usePool(() => ({ engine: "simulated", models: { any: keyedModel() } }), "auto");

  test("keep their states", async () => {
    const stream = new IndexedStream(pool.http, { model: "any", prompt: longPrompt(""), maxTokens: 50 }, deadlineMs);
    await stream.done;
    assert.deepEqual([stream.errors, stream.finishReasons], [[], ["length"]]);
    assert.deepEqual([await count("held"), await count("lost")], [0, 0]);
  });
});
