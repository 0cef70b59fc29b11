import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import { pomona } from "@pomona/proto/load";
import type { DeploymentRecord } from "@pomona/shared/core/deployment";
import { defaultDeployment } from "@pomona/shared/core/deployment";
import { labelled, nodeOf } from "./commands/nodes.ts";
import { copiesOf } from "./model-copies.ts";
import { ProgressBar } from "./progress.ts";
import { shortIds, time } from "./render.ts";
import { memoryBar, memoryParts } from "./render-memory.ts";
import { listModels, modelsTable } from "./render-models.ts";
import { nodesTable } from "./render-nodes.ts";
import { describePlan } from "./render-plan.ts";

const [one, other] = ["a1".repeat(16), "a1b2".repeat(8)];
const digest = "ab".repeat(32);

/** Fills in what a message does not say, as the codec does. */
function message<Wire, Output>(
  codec: { serialize: (value: Wire) => Buffer; deserialize: (bytes: Buffer) => Output },
  value: NoInfer<Wire>,
): Output {
  return codec.deserialize(codec.serialize(value));
}

function member(nodeId: string, changes: Parameters<typeof pomona.Member.serialize>[0] = {}): Member__Output {
  return message(pomona.Member, { nodeId, state: "MEMBER_STATE_ALIVE", ...changes });
}

const memory = { weightsBytes: 4e9, kvBytes: 2e9, computeBytes: 1e9, processBytes: 1e9 };

test("a memory bar shows the parts, what others use, and what is free", () => {
  const parts = memoryParts([message(pomona.ReplicaMemory, memory)]);
  assert.equal(memoryBar({ parts, budgetBytes: 20e9, freeBytes: 10e9 }), "████▓▓▒▒··░░░░░░░░░░");
  const tiny = { weights: 1, kv: 1, other: 1 };
  assert.equal(memoryBar({ parts: tiny, budgetBytes: 20e9, freeBytes: 20e9 }), "█▓▒░░░░░░░░░░░░░░░░░");
  const none = { weights: 0, kv: 0, other: 0 };
  assert.equal(memoryBar({ parts: none, budgetBytes: 0, freeBytes: 0 }), "░".repeat(20));
  const full = { weights: 30e9, kv: 5e9, other: 0 };
  assert.equal(memoryBar({ parts: full, budgetBytes: 20e9, freeBytes: -15e9 }), "█".repeat(20));
});

test("weights that replicas have in common are drawn once", () => {
  const mapped = message(pomona.ReplicaMemory, { ...memory, mappedBytes: 3e9, mappedFile: "1:2" });
  assert.deepEqual(memoryParts([mapped, mapped, null]), { weights: 5e9, kv: 4e9, other: 4e9 });
});

test("nodes are listed with memory, settings and models", () => {
  assert.equal(nodesTable([]), "no nodes");
  const replicas = [{ model: "qwen", state: "REPLICA_STATE_READY" as const, memory }];
  const status = { hostname: "mini", capacity: { budgetBytes: 20e9, freeBytes: 12e9, chip: "M4" }, replicas };
  const settings = { labels: ["room=office"], isCordoned: true, reservedBytes: 4e9 };
  const [, row = ""] = nodesTable([member(one, { status, settings })]).split("\n");
  assert.match(row, /mini +alive, cordoned, 4\.0 GB kept free +████▓▓▒▒░+ 8\.0 GB of 20\.0 GB +M4/);
  assert.match(row, /room=office +qwen \(ready\)$/);
});

test("models are listed with what is wanted of them", () => {
  assert.equal(modelsTable([]), "no models");
  const summary = message(pomona.ModelSummary, { name: "qwen", state: "ready", readyReplicas: 1, contextLength: 8192 });
  const deployment = { model: "qwen", source: "hf:a/b", slots: 4, minReplicas: 1, maxReplicas: 3, isPinned: true };
  const record = message(pomona.DeploymentRecord, { deployment, pinned: { source: "hf:a/b@0123:Q4_0" } });
  const [, row = ""] = modelsTable(listModels([summary], [record])).split("\n");
  assert.match(row, /^qwen \(pinned\) +ready +1 of 1\.\.3 +8192 +4 +hf:a\/b@0123:Q4_0$/);
});

test("a plan says per node what it would hold and what dies with it, per model what stands against it", () => {
  const text = describePlan(
    message(pomona.PlanPlacementResponse, {
      nodes: [
        {
          nodeId: one,
          hostname: "mini",
          chip: "M4",
          budgetBytes: 20e9,
          freeBytes: 12e9,
          lostModels: ["qwen"],
          replicas: [
            {
              ...{ model: "qwen", action: "load", reason: "it is the fastest", memory, readyInMs: 34_000 },
              ...{ prefillTokensPerSecond: 412.4, decodeTokensPerSecond: 9.56, isMeasured: true },
            },
            { model: "old", action: "unload", reason: "nobody asked for it for 40 min", memory },
          ],
        },
        { nodeId: other, hostname: "air", chip: "M2", excludedFor: "it is cordoned", budgetBytes: 8e9, freeBytes: 8e9 },
      ],
      models: [
        {
          model: "qwen",
          standbyNodeIds: [other],
          unmet: ["2 replicas are wanted, and 1 fits"],
          remedies: [{ kind: "smaller_context", text: "a context of 4,096 fits", nodeId: other }],
          chosenFor: "Q4_K_M is the largest that fits",
        },
      ],
    }),
  );
  for (const line of [
    /^a1a1a1a1 \(mini\), M4\n {2}████▓▓▒▒░+ 8\.0 GB of 20\.0 GB$/m,
    /^ {2}load +qwen +4\.0 GB +2\.0 GB +2\.0 GB +412 +9\.6 +measured +34\.0 s +it is the fastest$/m,
    /^ {2}unload +old .*nobody asked for it for 40 min$/m,
    /^ {2}if it dies, nobody answers for qwen$/m,
    /^ {2}takes no models: it is cordoned$/m,
    /^qwen is lost with a node$/m,
    /^ {2}chosen: Q4_K_M is the largest that fits$/m,
    /^ {2}files alone on a1b2a1b2 \(air\)$/m,
    /^ {2}not met: 2 replicas are wanted, and 1 fits$/m,
    /^ {2}what helps: a context of 4,096 fits, on a1b2a1b2 \(air\)$/m,
  ])
    assert.match(text, line);
});

test("copies are counted on the nodes that are nearest to having them", () => {
  const files = [
    { name: "a.gguf", bytes: 100, digest },
    { name: "b.gguf", bytes: 50, digest: "cd".repeat(32) },
  ];
  const spec = { ...defaultDeployment, model: "m", source: "hf:a/b" };
  const record: DeploymentRecord = {
    ...{ spec, revision: 1, createdAtMs: 0 },
    pinned: { source: "hf:a/b@1", files, reason: "" },
  };
  const verified = files.map((file) => ({ ...file, heldBytes: file.bytes, state: "verified" }));
  const pulling = { digest, bytes: 100, heldBytes: 30, state: "pulling" };
  const failed = { ...pulling, state: "failed", error: { code: "transfer_failed", message: "wrong digest" } };
  const nodes = [
    member(one, { status: { files: [pulling] } }),
    member(other, { status: { files: verified } }),
    member("c3".repeat(16)),
    member("d4".repeat(16), { state: "MEMBER_STATE_DEAD", status: { files: verified } }),
  ];
  const copies = { nodeIds: [other], wantedNodes: 2, doneBytes: 180, totalBytes: 300, failure: null };
  assert.deepEqual(copiesOf(record, nodes), copies);
  assert.deepEqual(copiesOf(record, [member(one, { status: { files: [failed] } })]).failure, "wrong digest");
  const loaded = { replicas: [{ model: "m", state: "REPLICA_STATE_READY" as const }] };
  assert.deepEqual(copiesOf({ ...record, pinned: null }, [member(one, { status: loaded })]).nodeIds, [one]);
});

test("progress is a bar that moves on a terminal, and lines now and then elsewhere", () => {
  let nowMs = 0;
  const run = (isTerminal: boolean): string => {
    nowMs = 0;
    let text = "";
    const write = (part: string): void => {
      text += part;
    };
    const progress = new ProgressBar("qwen", { isTerminal, columns: 80, write, nowMs: () => nowMs });
    progress.update({ doneBytes: 0, totalBytes: 0 }, "a node is asked");
    for (let second = 0; second <= 20; second += 1) {
      nowMs = second * 1000;
      progress.update({ doneBytes: second * 50e6, totalBytes: 1e9 });
    }
    progress.end();
    return text;
  };
  const shown = run(true);
  assert.equal(shown.split("\r").length, 23);
  assert.match(shown, /\rqwen {2}█████░{15} {2}25 % {2}250 MB of 1\.0 GB {2}50\.0 MB\/s, 15\.0 s left/);
  assert.ok(shown.endsWith("\n"));
  const said = run(false).trim().split("\n");
  assert.equal(said.length, 3);
  assert.match(said[0] ?? "", /finding out what to pull: a node is asked$/);
});

test("a node is named by the beginning of its id, as long as there is one", () => {
  const nodes = [{ nodeId: one }, { nodeId: other }];
  assert.equal(nodeOf(nodes, "a1a").nodeId, one);
  assert.equal(nodeOf(nodes, other).nodeId, other);
  assert.throws(() => nodeOf(nodes, "a1"), { code: "not_found", message: /several/ });
  assert.throws(() => nodeOf(nodes, ""), { code: "not_found" });
  assert.throws(() => nodeOf(nodes, "ff"), { code: "not_found", message: new RegExp(one) });
  assert.deepEqual(
    ["0".repeat(32), `${"0".repeat(9)}${"1".repeat(23)}`].map(
      shortIds(["0".repeat(32), `${"0".repeat(9)}${"1".repeat(23)}`]),
    ),
    ["0000000000", "0000000001"],
  );
});

test("labels are put on and taken off", () => {
  assert.deepEqual(labelled(["fast", "room=a"], ["room=b", "room=a-", "fast"]), ["fast", "room=b"]);
});

test("times are as long as people need them", () => {
  assert.deepEqual([12, 1300, 300_000].map(time), ["12 ms", "1.3 s", "5 min"]);
});
