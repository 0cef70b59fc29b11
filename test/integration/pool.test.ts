// The main job with real processes: three node-agents, real nats-server, real engine workers, the official OpenAI client.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { keyedModel, predictKeyed } from "@pomona/shared/core/gguf/keyed-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import OpenAI from "openai";
import { hasProgram } from "../support/programs.ts";
import { type RunningPool, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";
const folder = mkdtempSync(join(tmpdir(), "pomona-models-"));
let pool: RunningPool;
let client: OpenAI;

before(async () => {
  if (skip !== false) return;
  const keyedPath = join(folder, "keyed.gguf");
  writeFileSync(keyedPath, writeGguf(keyedModel()));
  pool = await startPool(["--nodes", "3", "--model", "tiny=builtin:tiny", "--model", keyedPath]);
  client = new OpenAI({ baseURL: `${pool.http}/v1`, apiKey: "none", maxRetries: 0 });
});

after(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function nodesUp(): Promise<number> {
  const text = await (await fetch(pool.metrics)).text();
  return [...text.matchAll(/^pomona_node_up\{[^}]*\} (\d)$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Streams a completion and names the node that answered. */
async function streamed(prompt: string): Promise<{ text: string; node: string | null }> {
  const { data, response } = await client.completions
    .create({ model: "keyed", prompt, temperature: 0, max_tokens: 40, stream: true })
    .withResponse();
  let text = "";
  for await (const chunk of data) text += chunk.choices[0]?.text ?? "";
  return { text, node: response.headers.get("x-pomona-node") };
}

test("the line of up --json names the addresses and the node-agents", { skip }, () => {
  assert.match(pool.http, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(pool.grpc, /^127\.0\.0\.1:\d+$/);
  assert.equal(pool.metrics, `${pool.http}/metrics`);
  assert.equal(pool.nodes.length, 3);
  for (const node of pool.nodes) assert.match(node.id, /^[0-9a-f]{32}$/);
});

test("the OpenAI client gets the same chat answer plain and streamed", { skip }, async () => {
  const request = { model: "tiny", messages: [{ role: "user" as const, content: "Who are you?" }] };
  const plain = await client.chat.completions.create(request);
  const answer = plain.choices[0]?.message.content ?? "";
  assert.match(answer, /Pomona/);
  assert.equal(plain.choices[0]?.finish_reason, "stop");
  let text = "";
  let reason: string | null = null;
  for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
    reason = chunk.choices[0]?.finish_reason ?? reason;
  }
  assert.equal(text, answer);
  assert.equal(reason, "stop");
});

test("30 concurrent streams use all three nodes and each text is exact", { skip }, async () => {
  const prompts = Array.from({ length: 30 }, (_, i) => `${i % 10}${"abcdefghij"[Math.floor(i / 3)]}`);
  const answers = await Promise.all(prompts.map(streamed));
  answers.forEach(({ text }, i) => {
    assert.equal(text, predictKeyed(prompts[i] ?? "", 40), `prompt ${prompts[i]}`);
  });
  const ids = new Set(pool.nodes.map((node) => node.id));
  const used = new Set(answers.map(({ node }) => node));
  assert.deepEqual(used, ids);
});

test("a killed agent is missed within 3 s, requests go on, and it comes back under its id", { skip }, async () => {
  await waitFor(async () => (await nodesUp()) === 3, 5000, "three nodes up");
  const victim = pool.nodes[2];
  assert.ok(victim);
  const streams = Array.from({ length: 12 }, (_, i) => streamed(`${i % 10}a`));
  process.kill(victim.pid, "SIGKILL");
  await waitFor(async () => (await nodesUp()) === 2, 15_000, "the killed node to be missed");
  (await Promise.all(streams)).forEach(({ text }, i) => {
    assert.equal(text, predictKeyed(`${i % 10}a`, 40));
  });
  const after = await streamed("4a");
  assert.equal(after.text, predictKeyed("4a", 40));
  assert.notEqual(after.node, victim.id);

  pool.startBeside(["agent", "--state-dir", victim.stateDir, "--peer", pool.grpc, "--grpc-port", "0"]);
  await waitFor(async () => (await nodesUp()) === 3, 25_000, "the agent to be back");
  await waitFor(
    async () => {
      const { node } = await streamed("1a");
      return node === victim.id;
    },
    60_000,
    "the agent to serve again",
  );
});

test("an unknown model is 404 with the list of those that the pool has", { skip }, async () => {
  await assert.rejects(
    client.chat.completions.create({ model: "gpt-9", messages: [{ role: "user", content: "hi" }] }),
    (error: InstanceType<typeof OpenAI.APIError>) => {
      assert.equal(error.status, 404);
      assert.equal(error.code, "model_not_found");
      assert.match(error.message, /keyed/);
      assert.match(error.message, /tiny/);
      return true;
    },
  );
});

test("a prompt longer than the context is 400 with both numbers", { skip }, async () => {
  await assert.rejects(
    client.completions.create({ model: "keyed", prompt: "a".repeat(40_000), max_tokens: 4 }),
    (error: InstanceType<typeof OpenAI.APIError>) => {
      assert.equal(error.status, 400);
      assert.equal(error.code, "context_length_exceeded");
      assert.match(error.message, /\d{5}/);
      return true;
    },
  );
});
