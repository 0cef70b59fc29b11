import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type DeploymentSpec, defaultDeployment, defaultNodeSettings } from "@pomona/shared/core/deployment";
import { isModelName } from "@pomona/shared/core/ids";
import type { Bus } from "@pomona/shared/nats/bus";
import { FakeNats } from "@pomona/shared/nats/fake-bus";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import fc from "fast-check";
import { type DesiredEvent, DesiredState, keyOfModel } from "./desired-state.ts";

const cluster = "pool-test";
const nodeId = "a1".repeat(16);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function specOf(model: string, changes: Partial<DeploymentSpec> = {}): DeploymentSpec {
  return { ...defaultDeployment, model, source: "builtin:tiny", ...changes };
}

const stateDirs: string[] = [];
after(() => {
  for (const path of stateDirs) rmSync(path, { recursive: true, force: true });
});

function newStateDir(): string {
  const path = mkdtempSync(join(tmpdir(), "pomona-desired-"));
  stateDirs.push(path);
  return path;
}

/** A coordinator's view, and what its loop was told, as `tiny@1`, `-tiny`, `a1..@2`. */
function view(bus: Bus | null, stateDir = newStateDir()) {
  const told: string[] = [];
  const log = createSilentLogger();
  const desired = new DesiredState(
    { cluster, natsReplicas: 1, stateDir },
    {
      bus,
      clock: { nowMs: () => 0, wallMs: () => 1_700_000_000_000 },
      log,
      onEvent: (event) => told.push(textOf(event)),
    },
  );
  return { desired, told };
}

function textOf(event: DesiredEvent): string {
  if (event.kind === "deploymentSet") return `${event.record.spec.model}@${event.record.revision}`;
  if (event.kind === "deploymentRemoved") return `-${event.model}`;
  return `${event.nodeId.slice(0, 2)}@${event.revision}`;
}

test("a deployment that was put is known to every coordinator, and outlives all of them", async () => {
  const nats = new FakeNats();
  const [one, other] = [view(nats.connect()), view(nats.connect())];
  const record = await one.desired.putDeployment(specOf("tiny", { slots: 7 }), 0);
  assert.equal(record.revision, 1);
  assert.deepEqual(one.desired.deployments(), [record]);
  await settled();
  assert.deepEqual([one.told, other.told], [["tiny@1"], ["tiny@1"]]);
  one.desired.close();
  other.desired.close();
  const later = view(nats.connect());
  await later.desired.whenRead(1000);
  assert.deepEqual(later.desired.deployments(), [record]);
});

test("of two edits of one revision one wins, and the other is told conflict with the revision to read", async () => {
  const nats = new FakeNats();
  const [one, other] = [view(nats.connect()), view(nats.connect())];
  const { revision } = await one.desired.putDeployment(specOf("tiny"), 0);
  const edits = [one, other].map(({ desired }, index) =>
    desired.putDeployment(specOf("tiny", { slots: 5 + index }), revision),
  );
  const outcomes = await Promise.allSettled(edits);
  const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  assert.equal(lost.length, 1);
  assert.equal(lost[0]?.code, "conflict");
  assert.match(lost[0]?.message, /revision 2 now/);
  await settled();
  assert.deepEqual(one.desired.deployments(), other.desired.deployments());
  await assert.rejects(one.desired.putDeployment(specOf("tiny"), 0), { code: "conflict" });
  await assert.rejects(one.desired.removeDeployment("tiny", revision), { code: "conflict" });
  await one.desired.removeDeployment("tiny", 2);
  assert.deepEqual(one.desired.deployments(), []);
  await assert.rejects(one.desired.removeDeployment("tiny", null), { code: "not_found", message: /there are: none/ });
});

test("what a source stands for is noted by revision, outlives everything, and is forgotten with the source", async () => {
  const nats = new FakeNats();
  const { desired, told } = view(nats.connect());
  const source = "hf:owner/repo";
  const { revision } = await desired.putDeployment(specOf("m", { source }), 0);
  const pinned = { source: "hf:owner/repo@0123", files: [{ name: "a.gguf", bytes: 1, digest: null }], reason: "fits" };
  desired.pin("m", { ...pinned, reason: "of an older edit" }, revision - 1);
  desired.pin("unknown", pinned, 1);
  desired.pin("m", pinned, revision);
  assert.deepEqual(desired.deployment("m")?.pinned, pinned);
  await settled();
  assert.deepEqual(told, ["m@1", "m@1", "m@2"]);
  const scaled = await desired.putDeployment(specOf("m", { source, slots: 2 }), 2);
  const later = view(nats.connect());
  await later.desired.whenRead(1000);
  assert.deepEqual(later.desired.deployment("m"), { ...scaled, pinned });
  assert.equal((await desired.putDeployment(specOf("m"), scaled.revision)).pinned, null);
});

test("what a source stands for is known while NATS is away, and written when it comes back", async () => {
  const nats = new FakeNats();
  const { desired } = view(nats.connect());
  const pinned = { source: "hf:owner/repo@0123", files: [], reason: "fits" };
  await desired.putDeployment(specOf("m", { source: "hf:owner/repo" }), 0);
  nats.stop();
  desired.declare([specOf("option", { source: "hf:owner/repo" })]);
  desired.pin("m", pinned, 1);
  desired.pin("option", pinned, 0);
  await settled();
  nats.start();
  await settled();
  const later = view(nats.connect());
  await later.desired.whenRead(1000);
  for (const model of ["m", "option"]) {
    assert.deepEqual(desired.deployment(model)?.pinned, pinned, model);
    assert.deepEqual(later.desired.deployment(model), desired.deployment(model));
  }
});

test("without NATS the options are all there is, and an edit says what is missing", async () => {
  const { desired, told } = view(null);
  await desired.whenRead(1);
  desired.declare([specOf("tiny")]);
  assert.deepEqual(told, ["tiny@0"]);
  const put = desired.putDeployment(specOf("tiny", { slots: 2 }), null);
  await assert.rejects(put, { code: "failed_precondition", message: /--nats-url/ });
});

test("options are known while NATS is away and written when it comes; edits wait for it", async () => {
  const nats = new FakeNats();
  nats.stop();
  const { desired, told } = view(nats.connect());
  await desired.whenRead(1);
  desired.declare([specOf("tiny")]);
  assert.deepEqual(told, ["tiny@0"]);
  const put = desired.putDeployment(specOf("tiny", { slots: 2 }), null);
  await assert.rejects(put, { code: "failed_precondition", message: /NATS.*try again/ });
  nats.start();
  await settled();
  assert.deepEqual(told, ["tiny@0", "tiny@1"]);
  const later = view(nats.connect());
  await later.desired.whenRead(1000);
  assert.deepEqual(later.told, ["tiny@1"]);
});

test("an option wins over what is kept in source and shape, once, and leaves the rest", async () => {
  const nats = new FakeNats();
  const first = view(nats.connect());
  const kept = { slots: 2, replicas: { min: 0, max: 3 }, isPinned: true, labels: ["fast"] };
  await first.desired.putDeployment(specOf("tiny", kept), 0);
  await first.desired.putDeployment(specOf("same", { isPinned: true }), 0);
  const { desired, told } = view(nats.connect());
  await desired.whenRead(1000);
  desired.declare([specOf("tiny", { slots: 8 }), specOf("same")]);
  await settled();
  assert.deepEqual(told, ["tiny@1", "same@2", "tiny@1", "same@2", "tiny@3"]);
  assert.deepEqual(desired.deployment("tiny")?.spec, specOf("tiny", { ...kept, slots: 8 }));
  // An edit after that lasts, whatever happens to the connection.
  await first.desired.putDeployment(specOf("tiny", kept), 3);
  nats.stop();
  nats.start();
  await settled();
  assert.equal(desired.deployment("tiny")?.spec.slots, 2);
});

test("what NATS has lost is written again, and what was removed meanwhile is not", async () => {
  const nats = new FakeNats();
  const [one, other] = [view(nats.connect()), view(nats.connect())];
  await one.desired.putDeployment(specOf("a"), 0);
  await one.desired.putDeployment(specOf("b"), 0);
  await one.desired.putNodeSettings(nodeId, { ...defaultNodeSettings, isCordoned: true }, null);
  nats.stop();
  nats.startEmpty();
  await settled();
  const later = view(nats.connect());
  await later.desired.whenRead(1000);
  await settled();
  assert.deepEqual(
    later.desired.deployments().map(({ spec }) => spec.model),
    ["a", "b"],
  );
  assert.equal(later.desired.nodeSettings(nodeId).settings.isCordoned, true);
  assert.deepEqual(one.desired.deployments(), other.desired.deployments());
  assert.deepEqual(one.desired.deployments(), later.desired.deployments());
  // A removal while one of them was cut off is a removal.
  later.desired.close();
  const bucket = nats.connect().openBucket({ name: `pomona-${cluster}-deployments` });
  nats.stop();
  nats.start();
  await bucket.remove("a", null);
  await settled();
  assert.deepEqual(
    one.desired.deployments().map(({ spec }) => spec.model),
    ["b"],
  );
  assert.equal(one.told.at(-1), "-a");
});

test("a start while NATS is away goes on with what was last known, and NATS is believed when it is back", async () => {
  const nats = new FakeNats();
  const stateDir = newStateDir();
  const first = view(nats.connect(), stateDir);
  const kept = await first.desired.putDeployment(specOf("kept"), 0);
  await first.desired.putDeployment(specOf("removed"), 0);
  await first.desired.putNodeSettings(nodeId, { ...defaultNodeSettings, isDraining: true }, null);
  first.desired.close();
  nats.stop();
  const again = view(nats.connect(), stateDir);
  await again.desired.whenRead(1);
  assert.deepEqual(again.told, ["kept@1", "removed@2", "a1@1"]);
  assert.deepEqual(again.desired.deployment("kept"), kept);
  again.desired.declare([specOf("kept", { slots: 9 })]);
  nats.start();
  await settled();
  const other = view(nats.connect());
  await other.desired.whenRead(1000);
  await other.desired.removeDeployment("removed", null);
  await settled();
  assert.deepEqual(again.desired.deployments(), other.desired.deployments());
  assert.equal(again.desired.deployment("kept")?.spec.slots, 9);
  assert.equal(again.desired.deployment("removed"), null);
});

test("a NATS that lost its disk while no coordinator ran gets everything back; one that is in use is believed", async () => {
  const nats = new FakeNats();
  const stateDir = newStateDir();
  const first = view(nats.connect(), stateDir);
  await first.desired.putDeployment(specOf("tiny"), 0);
  await first.desired.putNodeSettings(nodeId, { ...defaultNodeSettings, isDraining: true }, null);
  first.desired.close();
  nats.stop();
  nats.startEmpty();
  const again = view(nats.connect(), stateDir);
  await again.desired.whenRead(1000);
  again.desired.declare([specOf("option")]);
  await settled();
  const other = view(nats.connect());
  await other.desired.whenRead(1000);
  assert.deepEqual(other.desired.deployments(), again.desired.deployments());
  assert.deepEqual(
    other.desired.deployments().map(({ spec }) => spec.model),
    ["option", "tiny"],
  );
  assert.equal(other.desired.nodeSettings(nodeId).settings.isDraining, true);
  again.desired.close();
  await other.desired.removeDeployment("tiny", null);
  const last = view(nats.connect(), stateDir);
  await last.desired.whenRead(1000);
  assert.equal(last.desired.deployment("tiny"), null);
});

test("a memory that cannot be read is none", async () => {
  const nats = new FakeNats();
  nats.stop();
  const stateDir = newStateDir();
  const path = join(stateDir, "desired");
  // Where the folder should be.
  writeFileSync(path, "junk");
  const { desired, told } = view(nats.connect(), stateDir);
  await desired.whenRead(1);
  assert.deepEqual(told, []);
  nats.start();
  assert.equal((await desired.putDeployment(specOf("tiny"), 0)).revision, 1);
});

test("settings of a node are set by revision, told, and go with the node", async () => {
  const { desired, told } = view(new FakeNats().connect());
  assert.deepEqual(desired.nodeSettings(nodeId), { nodeId, settings: defaultNodeSettings, revision: 0 });
  const settings = { labels: ["room=office"], isCordoned: false, isDraining: true, reservedBytes: 4e9 };
  const record = await desired.putNodeSettings(nodeId, settings, 0);
  assert.deepEqual(desired.nodeSettings(nodeId), record);
  await assert.rejects(desired.putNodeSettings(nodeId, settings, 0), { code: "conflict" });
  await desired.forgetNode(nodeId);
  assert.deepEqual(desired.nodeSettings(nodeId).settings, defaultNodeSettings);
  assert.deepEqual(told, ["a1@1", "a1@0"]);
  await desired.forgetNode(nodeId);
});

test("the pool keeps 256 deployments, and says so", async () => {
  const nats = new FakeNats();
  const { desired } = view(nats.connect());
  for (let index = 0; index < 256; index += 1) await desired.putDeployment(specOf(`m${index}`), 0);
  const message = /256 deployments/;
  await assert.rejects(desired.putDeployment(specOf("more"), 0), { code: "failed_precondition", message });
  assert.equal((await desired.putDeployment(specOf("m3", { slots: 1 }), null)).revision, 257);
});

test("what cannot be read in a bucket is left alone, and harms nothing else", async () => {
  const nats = new FakeNats();
  const bucket = nats.connect().openBucket({ name: `pomona-${cluster}-deployments` });
  await bucket.put("junk", new Uint8Array([1, 2, 3]));
  await bucket.put("empty", new Uint8Array());
  const { desired, told } = view(nats.connect());
  await desired.putDeployment(specOf("tiny"), null);
  await bucket.put("tiny", new Uint8Array([255]));
  await settled();
  assert.deepEqual(told, ["tiny@3"]);
  assert.equal((await bucket.get("junk")).kind, "found");
});

test("every model name has a key of its own that a bucket takes", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][\w.\-:/]{0,40}$/).filter(isModelName);
  fc.assert(
    fc.property(name, name, (one, other) => {
      assert.match(keyOfModel(one), /^[\w=-]+$/);
      assert.equal(keyOfModel(one) === keyOfModel(other), one === other);
    }),
  );
});
