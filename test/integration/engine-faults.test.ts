// Whatever ends an engine's process, the node-agent lives, says why in words, and the replica comes back.
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, test } from "node:test";
import { createLlamaEngine } from "@pomona/node-agent/engine/llama/llama-engine";
import { NodeMetrics } from "@pomona/node-agent/metrics";
import { MemoryCorrections } from "@pomona/node-agent/model-store/memory-corrections";
import { SpeedProfiles } from "@pomona/node-agent/model-store/speed-profiles";
import { NodeAgent } from "@pomona/node-agent/node-agent";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, Ending } from "@pomona/shared/core/generation";
import { keyedModel, predictKeyedIds } from "@pomona/shared/core/gguf/keyed-model";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { randomWords } from "@pomona/shared/core/gguf/random-words";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { loadedInPlace, type ReplicaStatus } from "@pomona/shared/core/node-status";
import { systemClock } from "@pomona/shared/runtime/clock";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { attemptOf, type Changes, runOn, start as startOn } from "../support/attempts.ts";
import { openStore } from "../support/model-store.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const folder = createTemporaryDirectory("faults");
const keyedPath = join(folder.path, "keyed.gguf");
const keyedBytes = writeGguf(keyedModel());
writeFileSync(keyedPath, keyedBytes);
after(() => folder.remove());

const forever = new AbortController().signal;
const restartDeadlineMs = 30_000;

function startAgent(t: { after: (done: () => Promise<void>) => void }): { agent: NodeAgent; metrics: NodeMetrics } {
  const log = createSilentLogger();
  const metrics = new NodeMetrics();
  const agent = new NodeAgent({
    nodeId: "0".repeat(32),
    incarnation: 1,
    machine: { memoryBytes: 8e9, chip: "test", gpu: "cpu", cpuCores: 2 },
    budgetBytes: 4e9,
    budgetWith: null,
    ownerMode: null,
    threads: 2,
    modelsDirectory: join(folder.path, "models"),
    ...openStore(folder.path),
    speeds: new SpeedProfiles(join(folder.path, "profiles")),
    corrections: new MemoryCorrections(join(folder.path, "profiles")),
    states: { directory: join(folder.path, "kv"), diskBytes: 0, diskWriteBytesPerDay: 0 },
    engine: createLlamaEngine({ log }),
    hostname: "test",
    clock: systemClock,
    log,
    metrics,
  });
  t.after(() => agent.close());
  return { agent, metrics };
}

test("a worker that hangs is ended, and its attempts go on elsewhere", async (t) => {
  const engine = createLlamaEngine({ log: createSilentLogger(), hangMs: 500 });
  const options = { ...defaultEngineOptions, threads: 1 };
  const spec = { modelPath: keyedPath, slots: 1, contextLength: 1024, options };
  const replica = await engine.load({ ...spec, checksTensors: false, stateStore: null, speed: null }, forever);
  t.after(() => replica.close());
  const { frames, done } = startOn(replica, attemptOf([1, 300], { maxTokens: 1000 }));
  await waitFor(() => frames.length > 3, 10_000);
  process.kill(replica.info.pid ?? 0, "SIGSTOP");
  const { ending } = await done;
  assert.deepEqual([ending.failure?.code, ending.failure?.isRetryable], ["engine_crashed", true]);
});

function load(agent: NodeAgent, replicaId: string, source = keyedPath): Promise<ReplicaStatus> {
  const spec = {
    model: replicaId,
    source,
    slots: 2,
    contextLength: 1024,
    engine: defaultEngineOptions,
    ...loadedInPlace,
  };
  return agent.load(replicaId, spec, forever);
}

function statusOf(agent: NodeAgent, replicaId: string): ReplicaStatus {
  const status = agent.replicas().find((replica) => replica.replicaId === replicaId);
  assert.ok(status !== undefined, `${replicaId} is listed`);
  return status;
}

type Running = { readonly tokens: number[]; readonly done: Promise<Ending> };

/** `done` is rejected when the attempt is refused. */
function start(agent: NodeAgent, replicaId: string, attempt: Attempt): Running {
  const tokens: number[] = [];
  const read = runOn(agent, { ...attempt, replicaId }, (frame) => {
    if (frame.kind === "tokens") tokens.push(...frame.ids);
  });
  return { tokens, done: read.then(({ ending }) => ending) };
}

async function attemptFor(agent: NodeAgent, replicaId: string, changes: Changes & { prompt?: string } = {}) {
  const { prompt = "7hello", ...rest } = changes;
  const { tokenIds } = await agent.tokenize(replicaId, { kind: "text", text: prompt }, forever);
  return attemptOf(tokenIds, rest);
}

async function answersRightly(agent: NodeAgent, replicaId: string): Promise<void> {
  const attempt = await attemptFor(agent, replicaId);
  const { tokens, done } = start(agent, replicaId, attempt);
  assert.equal((await done).reason, "length");
  assert.deepEqual(tokens, predictKeyedIds(attempt.promptTokenIds, 20));
}

function isBack(agent: NodeAgent, replicaId: string, deadPid: number | null): boolean {
  const { state, pid } = statusOf(agent, replicaId);
  return state === "ready" && pid !== deadPid;
}

for (const [signal, words] of [
  ["SIGBUS", /model file was cut short/],
  ["SIGSEGV", /memory that is not its own/],
  ["SIGABRT", /inner check/],
  ["SIGKILL", /killed/],
  ["SIGTERM", /asked it to end/],
] as const) {
  test(`an engine that ends by ${signal} is told of in words, and its replica is back`, async (t) => {
    const { agent, metrics } = startAgent(t);
    const { pid, digest } = await load(agent, "victim");
    assert.match(digest, /^[0-9a-f]{64}$/);
    const { tokens, done } = start(agent, "victim", await attemptFor(agent, "victim", { maxTokens: 900 }));
    await waitFor(() => tokens.length > 0, 10_000, "the first token");
    const diedAt = performance.now();
    process.kill(pid ?? 0, signal);

    const { reason, failure, usage } = await done;
    assert.deepEqual([reason, failure?.code, failure?.isRetryable], ["failed", "engine_crashed", true]);
    assert.equal(usage.generatedTokens, tokens.length);
    assert.match(failure?.message ?? "", words);
    await waitFor(() => statusOf(agent, "victim").state === "loading", 5000);
    assert.match(statusOf(agent, "victim").failure?.message ?? "", words);

    await waitFor(() => isBack(agent, "victim", pid), restartDeadlineMs, "the restart");
    t.diagnostic(`back after ${(performance.now() - diedAt).toFixed(0)} ms`);
    assert.equal(statusOf(agent, "victim").failure, null);
    await answersRightly(agent, "victim");
    assert.match(await metrics.registry.metrics(), new RegExp(`deaths_total{model="victim",reason="${signal}"} 1`));
  });
}

test("a replica waits before its second restart, and unloading ends the wait and gives its memory back", async (t) => {
  const { agent } = startAgent(t);
  const free = agent.status().capacity.freeBytes;
  const first = await load(agent, "victim");
  process.kill(first.pid ?? 0, "SIGKILL");
  await waitFor(() => isBack(agent, "victim", first.pid), restartDeadlineMs, "the first restart");
  const second = statusOf(agent, "victim");
  process.kill(second.pid ?? 0, "SIGKILL");
  await waitFor(() => statusOf(agent, "victim").state === "loading", 5000);
  assert.ok(agent.status().capacity.freeBytes < free);
  await agent.unload("victim");
  await waitFor(() => agent.replicas().length === 0, 500, "the replica to be gone before it is started again");
  assert.equal(agent.status().capacity.freeBytes, free);
});

test("a model file that is cut short while it is mapped fails its replica with both digests", async (t) => {
  const { agent } = startAgent(t);
  const path = join(folder.path, "mapped.gguf");
  writeFileSync(path, writeGguf(randomModel("25m", "F16")));
  await load(agent, "bystander");
  const { digest } = await load(agent, "mapped", path);
  truncateSync(path, 4096);
  const { done } = start(agent, "mapped", attemptOf([300, 301, 302]));
  const { failure } = await done;
  t.diagnostic(failure?.message ?? "");
  assert.equal(failure?.code, "engine_crashed");
  await waitFor(() => statusOf(agent, "mapped").state === "failed", restartDeadlineMs);
  const told = statusOf(agent, "mapped").failure;
  assert.equal(told?.code, "invalid_model");
  assert.match(told?.message ?? "", new RegExp(`${digest.slice(0, 12)}.*is (?!${digest.slice(0, 12)})[0-9a-f]{12}`));
  await answersRightly(agent, "bystander");
});

test("a hostile grammar is refused, and other requests of the replica go on", async (t) => {
  const { agent } = startAgent(t);
  const { pid } = await load(agent, "victim");
  const other = start(agent, "victim", await attemptFor(agent, "victim", { maxTokens: 300 }));
  const depth = 200_000;
  for (const grammar of [
    `root ::= ${"(".repeat(depth)}"a"${")".repeat(depth)}`,
    `root ::= ${"(".repeat(30_000)}"a"${")".repeat(30_000)}`,
    'root ::= root "a" | "a"',
    `root ::= ("a"{1,1000}){1,1000}`,
  ]) {
    const attempt = await attemptFor(agent, "victim", { grammar });
    await assert.rejects(start(agent, "victim", attempt).done, { code: "invalid_request" });
  }
  assert.equal((await other.done).reason, "length");
  assert.equal(other.tokens.length, 300);
  await answersRightly(agent, "victim");
  assert.equal(statusOf(agent, "victim").pid, pid);
});

const mutants = 200;
/** Of the processor for all of them: 0.6 s were measured. */
const secondsMax = 5;
const mutatedBytes = 4096;

/** A file that is damaged within its first 4 KB: bits flipped, cut off, or with a count that is absurd. */
function mutate(seed: number): Uint8Array {
  const words = randomWords(seed);
  const below = (end: number): number => words.next() % end;
  if (seed % 4 === 0) return keyedBytes.slice(0, below(mutatedBytes));
  const bytes = keyedBytes.slice();
  if (seed % 4 === 1) {
    // Counts of the header are 64 bits wide at 8 and 16; any other place hits lengths, types and values.
    const at = seed % 8 === 1 ? 8 * (1 + below(2)) : below(mutatedBytes - 8);
    new DataView(bytes.buffer).setBigUint64(at, 2n ** BigInt(below(64)) - BigInt(below(2)), true);
    return bytes;
  }
  for (let flips = 2 ** below(7); flips > 0; flips -= 1) {
    const at = below(mutatedBytes);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
  }
  return bytes;
}

test("200 damaged headers load or are refused by name, and end no node-agent", { timeout: 300_000 }, async (t) => {
  const { agent } = startAgent(t);
  const outcomes: Record<string, number> = {};
  const before = process.cpuUsage();
  for (let seed = 1; seed <= mutants; seed += 1) {
    const path = join(folder.path, `mutant-${seed}.gguf`);
    writeFileSync(path, mutate(seed));
    const outcome = await load(agent, `mutant${seed}`, path).then(
      async () => {
        await agent.unload(`mutant${seed}`);
        return "loaded";
      },
      (thrown: unknown) => {
        assert.ok(thrown instanceof PomonaError && thrown.code !== "internal", `seed ${seed}: ${String(thrown)}`);
        assert.ok(thrown.message.length > 20, `seed ${seed}: ${thrown.message}`);
        return statusOfFailed(agent, `mutant${seed}`) === null ? `header: ${thrown.code}` : `engine: ${thrown.code}`;
      },
    );
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  // Of this process alone, which reads the headers; what else the machine does counts for nothing.
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  t.diagnostic(`${seconds.toFixed(1)} s of the processor: ${JSON.stringify(outcomes)}`);
  assert.ok(seconds < secondsMax, `${seconds} s`);
  await load(agent, "sound");
  await answersRightly(agent, "sound");
});

/** Only a replica that the engine had to judge is listed. */
function statusOfFailed(agent: NodeAgent, replicaId: string): ReplicaStatus | null {
  return agent.replicas().find((replica) => replica.replicaId === replicaId) ?? null;
}

test("the node-agent's event loop stays free while two replicas read long prompts", async (t) => {
  const { agent } = startAgent(t);
  const path = join(folder.path, "busy.gguf");
  writeFileSync(path, writeGguf(randomModel("25m", "Q8_0")));
  for (const replicaId of ["one", "two"]) await load(agent, replicaId, path);
  const prompt = Array.from({ length: 1000 }, (_, index) => 300 + ((index * 7919) % 7000));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  const attempts = ["one", "two"].flatMap((replicaId) =>
    [1, 2].map((first) => start(agent, replicaId, attemptOf([first + 300, ...prompt], { maxTokens: 2 }))),
  );
  for (const { done } of attempts) assert.equal((await done).failure, null);
  delay.disable();
  const p99 = delay.percentile(99) / 1e6;
  const ms = performance.now() - startedAt;
  t.diagnostic(
    `event loop delay in ${ms.toFixed(0)} ms: p99 ${p99.toFixed(1)} ms, most ${(delay.max / 1e6).toFixed(1)} ms`,
  );
  assert.ok(p99 <= 50, `p99 ${p99} ms`);
});
