import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { type Attempt, type AttemptFrame, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import { loadedInPlace, type ReplicaSpec } from "@pomona/shared/core/node-status";
import { contextLength, referenceMachine } from "../engine/machine-profile.ts";
import { VirtualTime } from "../virtual-time.ts";
import { CoreNode } from "./core-node.ts";
import { fittingModel } from "./pool.ts";

const models = ["a", "b"].map(fittingModel);

function specOf(model: string): ReplicaSpec {
  return { model, source: model, slots: 4, contextLength, engine: defaultEngineOptions, ...loadedInPlace };
}

/** A machine with room for one model. */
function makeNode() {
  const time = new VirtualTime();
  const problems: string[] = [];
  const answers: string[] = [];
  const machine = { ...referenceMachine, memoryBytes: 40e9 };
  const node = new CoreNode({
    time,
    nodeId: "1",
    machine,
    models,
    savedStates: 0,
    complain: (problem) => problems.push(problem),
  });
  const load = (model: string): void =>
    node.load(`r-${model}`, specOf(model), (result) => answers.push("code" in result ? result.code : result.state));
  const run = (ms: number): void => time.runUntil(time.nowMs + ms, () => false);
  return { node, problems, answers, load, run };
}

test("a load that does not fit is refused as a node-agent does it, and the coordinator should have known", () => {
  const { node, problems, answers, load, run } = makeNode();
  load("a");
  load("b");
  run(10_000);
  assert.deepEqual(answers, ["insufficient_memory", "ready"]);
  assert.equal(node.loads, 1);
  assert.match(problems.join(), /^a load was refused: b needs 22\.00 GB/);
});

test("memory is free when the engine has stopped, not before", () => {
  const { node, problems, answers, load, run } = makeNode();
  load("a");
  run(10_000);
  node.unload("r-a");
  assert.deepEqual(
    node.status().replicas.map(({ state }) => state),
    ["unloading"],
  );
  load("b");
  run(20);
  assert.deepEqual(node.status().replicas, []);
  load("b");
  run(10_000);
  assert.deepEqual([answers, problems.length], [["ready", "insufficient_memory", "ready"], 1]);
});

test("a load that is unloaded is cancelled", () => {
  const { node, problems, answers, load, run } = makeNode();
  load("a");
  node.unload("r-a");
  run(10_000);
  assert.deepEqual([answers, problems], [["cancelled"], []]);
});

test("requests on a replica that is unloaded end, and that is a problem", () => {
  const { node, problems, load, run } = makeNode();
  load("a");
  run(10_000);
  const frames: AttemptFrame[] = [];
  const attempt: Attempt = {
    requestId: "q",
    epoch: 1,
    replicaId: "r-a",
    promptTokenIds: [1, 2, 3],
    emittedTokenIds: [],
    promptChunkLengths: [],
    decoding: { ...defaultDecoding, maxTokens: 100 },
    ...endsUnread,
  };
  assert.ok(node.start({ attempt, blocks: [], outputTokens: 100, send: (frame) => frames.push(frame) }));
  node.unload("r-a");
  run(10_000);
  const ending = frames.at(-1);
  assert.equal(ending?.kind === "ending" && ending.ending.failure?.code, "shutting_down");
  assert.deepEqual(problems, ["a replica of a is unloaded with 1 requests on it"]);
});
