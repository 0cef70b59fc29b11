// Where requests go in a running pool, and what their clients are told: two node-agents, real engines.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { z } from "zod";
import { hasProgram } from "../support/programs.ts";
import { pomonaPath, type RunningPool, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";
const folder = mkdtempSync(join(tmpdir(), "pomona-scheduling-"));
const queueLengthMax = 3;
let pool: RunningPool;

before(async () => {
  if (skip !== false) return;
  const path = join(folder, "random.gguf");
  writeFileSync(path, writeGguf(randomModel("25m", "Q8_0")));
  process.env["POMONA_QUEUE_LENGTH_MAX"] = String(queueLengthMax);
  pool = await startPool(["--nodes", "2", "--slots", "1", "--model", path]);
  delete process.env["POMONA_QUEUE_LENGTH_MAX"];
});

after(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

type Asked = { readonly prompt: string; readonly maxTokens: number; readonly headers?: Record<string, string> };

function ask({ prompt, maxTokens, headers = {} }: Asked, signal = AbortSignal.timeout(60_000)): Promise<Response> {
  return fetch(`${pool.http}/v1/completions`, {
    method: "POST",
    signal,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "random", prompt, temperature: 0, max_tokens: maxTokens, stream: true }),
  });
}

const cost = z.object({
  nodeId: z.string(),
  isChosen: z.boolean(),
  score: z.number().positive(),
  cachedTokens: z.number(),
  cachedIn: z.string(),
});
const history = z.object({
  model: z.literal("random"),
  priority: z.string(),
  promptTokens: z.number().positive(),
  attempts: z.array(
    z.object({
      nodeId: z.string(),
      predictedFirstTokenMs: z.number().positive(),
      firstTokenMs: z.number().positive(),
      cachedTokens: z.number(),
      candidates: z.array(cost),
    }),
  ),
});

async function why(requestId: string): Promise<z.output<typeof history>> {
  const words = [pomonaPath, "why", requestId, "--grpc", pool.grpc, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return history.parse(JSON.parse(stdout));
}

/** Waits for the whole answer; the node that gave it, and the request. */
async function answered(asked: Asked): Promise<{ requestId: string; node: string; text: string }> {
  const response = await ask(asked);
  assert.equal(response.status, 200);
  const text = await response.text();
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    node: response.headers.get("x-pomona-node") ?? "",
    text,
  };
}

test("a prompt that begins like an earlier one goes where that is held, and pomona why says so", { skip }, async () => {
  const beginning = "the same long beginning. ".repeat(60);
  const first = await answered({ prompt: `${beginning}one`, maxTokens: 4 });
  // Something else on the other node, so that turns alone would not bring the next one back.
  await answered({ prompt: "short", maxTokens: 2 });
  for (const end of ["two", "three", "four"]) {
    const next = await answered({ prompt: beginning + end, maxTokens: 4 });
    assert.equal(next.node, first.node);
    const { attempts, promptTokens, priority } = await why(next.requestId);
    assert.equal(priority, "interactive");
    const [attempt] = attempts;
    assert.ok(attempt !== undefined && attempts.length === 1);
    assert.equal(attempt.nodeId, first.node);
    assert.equal(attempt.candidates.length, 2);
    const [cheapest, other] = attempt.candidates;
    assert.ok(cheapest?.isChosen === true && cheapest.cachedIn === "slot" && other?.isChosen === false);
    assert.ok(cheapest.cachedTokens >= 1400 && cheapest.cachedTokens <= promptTokens, String(cheapest.cachedTokens));
    // What was predicted from is what the node found.
    assert.ok(attempt.cachedTokens >= cheapest.cachedTokens, `${attempt.cachedTokens} of ${cheapest.cachedTokens}`);
  }
});

test("predicted and real times to the first token are a metric, and speeds are learned", { skip }, async () => {
  const prompt = "something new to read, ".repeat(40);
  for (let count = 0; count < 4; count += 1) await answered({ prompt: `${count}${prompt}`, maxTokens: 8 });
  const metrics = await (await fetch(pool.metrics)).text();
  const count = /^pomona_ttft_prediction_error_ratio_count\{[^}]*\} (\d+)$/m.exec(metrics)?.[1];
  assert.ok(Number(count) >= 1, metrics.slice(0, 200));
  const { requestId } = await answered({ prompt: `x${prompt}`, maxTokens: 4 });
  const [attempt] = (await why(requestId)).attempts;
  const ratio = (attempt?.predictedFirstTokenMs ?? 0) / (attempt?.firstTokenMs ?? 1);
  assert.ok(ratio > 0.05 && ratio < 20, String(ratio));
});

/** Fills both slots for a while; each is given back by its controller. */
async function occupy(): Promise<AbortController[]> {
  const controllers = [new AbortController(), new AbortController()];
  for (const [index, controller] of controllers.entries()) {
    const response = await ask({ prompt: `busy ${index}`, maxTokens: 6000 }, controller.signal);
    assert.equal(response.status, 200);
    void response.text().catch(() => undefined);
  }
  return controllers;
}

test("whoever waits is told its place by comments, and one too many is 429 with the wait", { skip }, async () => {
  const busy = await occupy();
  const waiting = Array.from({ length: queueLengthMax }, (_, i) => ask({ prompt: `waits ${i}`, maxTokens: 2 }));
  await waitFor(async () => (await depth()) === queueLengthMax, 10_000, "the queue to be full");
  const refused = await ask({ prompt: "one too many", maxTokens: 2 });
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  const body = z
    .object({
      error: z.object({
        code: z.literal("queue_full"),
        queue: z.object({ length: z.number(), position: z.number(), expected_wait_ms: z.number().positive() }),
      }),
    })
    .parse(await refused.json());
  assert.deepEqual([body.error.queue.length, body.error.queue.position], [queueLengthMax, queueLengthMax + 1]);

  const batch = ask({ prompt: "later", maxTokens: 2, headers: { "x-pomona-priority": "soon" } });
  assert.equal((await batch).status, 400);
  // Headers come after five seconds of waiting, comments every two.
  const [first] = await Promise.all(waiting.map((answer) => answer.then((response) => response.body?.getReader())));
  const { value } = (await first?.read()) ?? {};
  let text = new TextDecoder().decode(value);
  const deadline = performance.now() + 15_000;
  while (!text.includes("pomona waiting") && performance.now() < deadline) {
    const more = await first?.read();
    if (more?.done !== false) break;
    text += new TextDecoder().decode(more.value);
  }
  assert.match(text, /: pomona waiting position=[123] length=3 eta_ms=\d+\n\n/);
  for (const controller of busy) controller.abort();
});

async function depth(): Promise<number> {
  const metrics = await (await fetch(pool.metrics)).text();
  return Number(/^pomona_queue_depth\{[^}]*\} (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

test("batch work waits while interactive work does, and comes when nobody else wants the slot", { skip }, async () => {
  await waitFor(async () => (await depth()) === 0, 30_000, "the queue to be empty");
  const busy = await occupy();
  const order: string[] = [];
  const note = async (name: string, priority: string): Promise<void> => {
    await answered({ prompt: `${name} please`, maxTokens: 2, headers: { "x-pomona-priority": priority } });
    order.push(name);
  };
  const batch = note("batch", "batch");
  await waitFor(async () => (await depth()) === 1, 10_000, "the batch request to wait");
  const interactive = [note("a", "interactive"), note("b", "interactive")];
  await waitFor(async () => (await depth()) === 3, 10_000, "all to wait");
  busy[0]?.abort();
  await Promise.all([batch, ...interactive]);
  assert.equal(order.at(-1), "batch");
  busy[1]?.abort();
});

test("a request that nobody knows is not found, in one line", { skip }, async () => {
  const words = [pomonaPath, "why", "0".repeat(32), "--grpc", pool.grpc];
  await assert.rejects(promisify(execFile)(process.execPath, words), (error: { stderr?: string }) => {
    assert.match(error.stderr ?? "", /^pomona: .*not among the last 1,000/);
    return true;
  });
});
