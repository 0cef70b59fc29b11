import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptFrame, Decoding } from "@pomona/shared/core/generation";
import type { PeerLine, ReplicaStatus } from "@pomona/shared/core/node-status";
import { packPrompt } from "@pomona/shared/core/prompt-logprobs";
import { defaultCheckpointConfig } from "./checkpoint-gain.ts";
import type { Effect } from "./effect.ts";
import { ending, failureOf, only, replicaOf, requestOf, starts, statusOf, TestPool, tokens } from "./test-pool.ts";

const speed = {
  prefillTokensPerSecond: 700,
  contextSlowdownTokens: 1e6,
  decodeTokensPerSecond: 60,
  slotSlowdown: 0.3,
  kvBytesPerToken: 131_072,
  memoryBytesPerSecond: 5e11,
  restoreBytesPerSecond: 5e9,
  loadBytesPerSecond: 3e9,
};
const promptTokenIds = Array.from({ length: 8000 }, (_, i) => i);
const tenGigabit = 1.1e9;

function lineTo(nodeId: string, bytesPerSecond = tenGigabit): PeerLine {
  return { address: `${nodeId}:1`, bytesPerSecond };
}

type Lines = Readonly<Record<string, readonly PeerLine[]>>;

/** Nodes a, b, ... with a replica each; `lines` are what each has received from others. */
function poolOf(lines: Lines, replica: Partial<ReplicaStatus> = {}, mode = defaultCheckpointConfig.mode): TestPool {
  const pool = new TestPool({ checkpoints: { ...defaultCheckpointConfig, mode } });
  pool.deploy();
  for (const [nodeId, known] of Object.entries(lines)) {
    // Many cores, so that the line decides.
    const { capacity } = statusOf(nodeId);
    const replicas = [replicaOf(`r-${nodeId}`, { speed, ...(nodeId === "a" ? {} : replica) })];
    pool.join(statusOf(nodeId, { capacity: { ...capacity, cpuCores: 32 }, lines: known, replicas }));
  }
  return pool;
}

/** A long prompt goes to a node, and its first token comes. */
function begin(pool: TestPool, requestId = "q", changes: Partial<Decoding> = {}): Effect[] {
  const decoding = { ...requestOf("", 0).decoding, maxTokens: 4000, ...changes };
  const [started = ""] = starts(pool.request(requestId, { promptTokenIds, decoding }));
  assert.match(started, /1@a$/);
  if (changes.logsPrompt === true) pool.frame(requestId, 1, loggedPrompt());
  return pool.frame(requestId, 1, tokens(0, [1]));
}

function loggedPrompt(): AttemptFrame {
  const rows = promptTokenIds.map((id) => ({ id, text: new Uint8Array(0), logprobs: null }));
  return { kind: "promptLogprobs", logprobs: packPrompt(0, 0, rows) };
}

const held = { kind: "stateHeld", nodeId: "b", requestId: "q", epoch: 1, bytes: 1e9, transferMs: 900 } as const;
const holds = (effects: readonly Effect[]): string[] =>
  only(effects, "holdState").map(({ nodeId, requestId, epoch, peer }) => `${requestId}/${epoch} ${peer} -> ${nodeId}`);
const drops = (effects: readonly Effect[]): string[] =>
  only(effects, "dropState").map(({ nodeId, requestId, epoch }) => `${requestId}/${epoch} ${nodeId}`);
const told = (effects: readonly Effect[]): string[] =>
  only(effects, "announce").map(({ announcement: { kind } }) => kind);

test("after a long prompt its state goes to the peer with the fastest line, once", () => {
  const pool = poolOf({ a: [], b: [lineTo("a", 5e8)], c: [lineTo("a", 9e8)], d: [] });
  const effects = begin(pool);
  assert.deepEqual(holds(effects), ["q/1 a:1 -> c"]);
  // As long as the peer would need for the prompt, less what it takes to bring it back.
  const [{ timeoutMs = 0 } = {}] = only(effects, "holdState");
  assert.ok(timeoutMs > 11_000 && timeoutMs < 11_500, `${timeoutMs}`);
  assert.deepEqual(holds(pool.frame("q", 1, tokens(1, [2]))), []);
});

const nobody: readonly (readonly [string, () => TestPool])[] = [
  ["whose line is unknown", () => poolOf({ a: [], b: [] })],
  ["whose line is slow", () => poolOf({ a: [], b: [lineTo("a", 1.17e8)] })],
  ["whose line is known from another node only", () => poolOf({ a: [lineTo("b")], b: [lineTo("c")] })],
  ["whose engine is another one", () => poolOf({ a: [], b: [lineTo("a")] }, { revision: "other" })],
  ["when it is off", () => poolOf({ a: [], b: [lineTo("a")] }, {}, "off")],
];
for (const [what, make] of nobody) {
  test(`no state goes to a peer ${what}`, () => assert.deepEqual(holds(begin(make())), []));
}

test("what both ends may send is as good as what the line carries", () => {
  const pool = new TestPool();
  pool.deploy();
  for (const nodeId of ["a", "b"]) {
    const { capacity } = statusOf(nodeId);
    const replicas = [replicaOf(`r-${nodeId}`, { speed })];
    const status = { capacity: { ...capacity, cpuCores: nodeId === "a" ? 32 : 2 }, lines: [lineTo("a")], replicas };
    pool.join(statusOf(nodeId, status));
  }
  // Two cores take 50 MB/s, which is less than the 93 MB/s at which it breaks even.
  assert.deepEqual(holds(begin(pool)), []);
});

test("a state that takes long to save stays, whatever it would spare", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")] });
  const status = pool.state.members.get("a")?.status ?? statusOf("a");
  // 1 GB in a second.
  const replicas = status.replicas.map((replica) => ({ ...replica, speed: { ...speed, restoreBytesPerSecond: 1e9 } }));
  pool.heartbeat({ ...status, sequence: 2, replicas });
  assert.deepEqual(holds(begin(pool)), []);
});

test("a state on a disk that is full would stay", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")] });
  const status = pool.state.members.get("b")?.status ?? statusOf("b");
  const capacity = { ...status.capacity, diskBytes: 1e11, diskFreeBytes: 5.5e9 };
  pool.heartbeat({ ...status, sequence: 2, capacity });
  assert.deepEqual(holds(begin(pool)), []);
});

test("with the end of a request its state goes, wherever it is", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")] });
  begin(pool);
  assert.deepEqual(told(pool.take(held)), ["checkpointHeld"]);
  assert.deepEqual(drops(pool.frame("q", 1, ending("stop", 1))), ["q/1 b"]);
  begin(pool, "p");
  assert.deepEqual(drops(pool.take({ kind: "requestCancelled", requestId: "p" })), ["p/1 b"]);
});

test("a request that goes on where its state is keeps it until its next token, and has another one saved", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")], c: [lineTo("b")] });
  begin(pool);
  pool.take(held);
  const moved = pool.fail("q", 1, "node_lost");
  assert.deepEqual([starts(moved), drops(moved)], [["q/2@b"], []]);
  const [{ decision = null } = {}] = only(moved, "startAttempt");
  assert.deepEqual([decision?.candidates[0]?.cachedIn, decision?.candidates[0]?.cachedTokens], ["peer", 8000]);
  const effects = pool.frame("q", 2, tokens(1, [2]));
  assert.deepEqual([drops(effects), holds(effects)], [["q/1 b"], ["q/2 b:1 -> c"]]);
});

test("a prompt whose log-probabilities are told is evaluated again in any case: its state goes nowhere", () => {
  const lines = { a: [], b: [lineTo("a")] };
  assert.deepEqual(holds(begin(poolOf(lines), "q", { topLogprobs: 0 })), ["q/1 a:1 -> b"]);
  assert.deepEqual(holds(begin(poolOf(lines), "q", { topLogprobs: 0, logsPrompt: true })), []);
});

test("a request that goes on elsewhere keeps the state that it has", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")], c: [] });
  begin(pool);
  pool.take(held);
  // It takes nothing at the moment, and nobody has said that its states are gone.
  pool.take({ kind: "linkDown", nodeId: "b" });
  assert.deepEqual(starts(pool.fail("q", 1, "node_lost")), ["q/2@c"]);
  const effects = pool.frame("q", 2, tokens(1, [2]));
  assert.deepEqual([drops(effects), holds(effects)], [[], []]);
});

test("a state that is lost is no more, and one of another attempt is old news", () => {
  const pool = poolOf({ a: [], b: [lineTo("a")] });
  begin(pool);
  const gone = { ...held, kind: "stateGone", failure: failureOf("node_lost") } as const;
  assert.deepEqual(told(pool.take({ ...gone, epoch: 2 })), []);
  assert.deepEqual(told(pool.take(gone)), ["checkpointLost"]);
  assert.deepEqual(told(pool.take(gone)), []);
  assert.deepEqual(told(pool.take(held)), []);
  assert.deepEqual(drops(pool.frame("q", 1, ending("stop", 1))), []);
});
