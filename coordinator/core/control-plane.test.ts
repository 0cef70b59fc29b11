import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decideMaxTokens } from "./admission.ts";
import { digest, file, LivingPool, loads, pulls } from "./living-pool.ts";
import { survivesNodeLoss } from "./survival.ts";
import {
  ending,
  endings,
  failureOf,
  memoryOf,
  only,
  recordOf,
  replicaOf,
  starts,
  statusOf,
  TestPool,
  tokens,
} from "./test-pool.ts";
import { modelSummaries } from "./views.ts";

describe("models that are loaded when somebody asks", () => {
  test("take the place of an idle one that has been there for long enough, and requests wait for them", () => {
    const pool = new LivingPool();
    pool.deploy({ model: "a", memory: memoryOf(10), replicas: { min: 0, max: null } });
    pool.deploy({ model: "b", memory: memoryOf(10), replicas: { min: 0, max: null } });
    pool.add(statusOf("n"));
    assert.deepEqual(pool.held("n"), ["a"]);
    pool.pass(20_000);
    assert.equal(modelSummaries(pool.context).find(({ name }) => name === "b")?.state, "idle");
    pool.obey(pool.take({ kind: "modelAwaited", model: "b", change: 1 }));
    pool.pass(1000);
    assert.deepEqual(pool.held("n"), ["b"]);
    pool.take({ kind: "modelAwaited", model: "b", change: -1 });
    assert.deepEqual(starts(pool.request("q", { model: "b" })), ["q/1@n"]);
  });

  test("leave after their keep-alive, and come back with the next request", () => {
    const pool = new LivingPool();
    pool.deploy({ replicas: { min: 0, max: null }, keepAliveMs: 60_000 });
    pool.add(statusOf("n"));
    assert.deepEqual(pool.held("n"), ["m"]);
    pool.pass(61_000);
    assert.deepEqual(pool.held("n"), []);
    const effects = pool.obey(pool.request("q"));
    assert.deepEqual([loads(effects), starts(effects)], [["m@n"], ["q/1@n"]]);
  });

  test("make a busy one give way when it ends, never before", () => {
    const pool = new LivingPool();
    pool.deploy({ model: "a", memory: memoryOf(10) });
    pool.deploy({ model: "b", memory: memoryOf(10), replicas: { min: 0, max: null } });
    pool.add(statusOf("n"));
    pool.pass(30_000);
    pool.request("long", { model: "a" });
    pool.obey(pool.take({ kind: "modelAwaited", model: "b", change: 1 }));
    const effects = pool.pass(10_000);
    assert.deepEqual(only(effects, "unloadReplica"), []);
    assert.deepEqual(starts(pool.request("late", { model: "a" })), [], "it gets nothing new");
    pool.frame("long", 1, tokens(0, [1]));
    pool.frame("long", 1, {
      kind: "ending",
      ending: {
        reason: "stop",
        failure: null,
        usage: { promptTokens: 3, cachedPromptTokens: 0, generatedTokens: 1 },
        timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
      },
    });
    pool.pass(1000);
    assert.deepEqual(pool.held("n"), ["b"]);
  });
});

test("a model that requests wait too long for gets another replica, and no other before that one could help", () => {
  const pool = new LivingPool();
  for (const model of ["a", "b"]) pool.deploy({ model, memory: memoryOf(10), replicas: { min: 1, max: null } });
  for (const nodeId of ["k", "l", "m", "n"]) pool.add(statusOf(nodeId));
  pool.pass(30_000);
  const held = (): string => ["k", "l", "m", "n"].flatMap((nodeId) => pool.held(nodeId)).join("");
  const before = held().length - held().replaceAll("a", "").length;
  assert.deepEqual([held().length, before], [4, 2], "free memory is shared");
  for (let count = 0; count < 12; count += 1) pool.request(`q${count}`, { model: "a" });
  const first = pool.pass(13_000);
  assert.deepEqual(loads(first).length, 1, "after eight seconds, and four more");
  assert.deepEqual(loads(pool.pass(11_000)), []);
  assert.equal(held().replaceAll("a", ""), "b", "the last one of the other model stays");
});

describe("a changed deployment", () => {
  test("is rolled one replica at a time, with one that answers all the while", () => {
    const pool = new LivingPool();
    pool.deploy({ memory: memoryOf(10) });
    for (const nodeId of ["a", "b"]) pool.add(statusOf(nodeId));
    pool.deploy({ memory: memoryOf(10), slots: 4 });
    for (let round = 0; round < 40; round += 1) {
      const ready = modelSummaries(pool.context)[0]?.readyReplicas ?? 0;
      assert.ok(ready >= 1, `round ${round}`);
      pool.pass(500);
    }
    const slots = ["a", "b"].map((nodeId) => pool.statuses.get(nodeId)?.replicas.map((each) => each.slots));
    assert.deepEqual(slots, [[4], [4]]);
  });

  test("whose new files cannot be loaded keeps what runs", () => {
    const pool = new LivingPool();
    pool.deploy({ memory: memoryOf(10) });
    pool.add(statusOf("a"));
    pool.sources.clear();
    pool.obey(pool.take({ kind: "deploymentSet", record: recordOf({ source: "/none" }) }));
    pool.pass(30_000);
    assert.deepEqual(pool.held("a"), ["m"]);
    assert.equal(modelSummaries(pool.context)[0]?.state, "ready");
  });
});

describe("redundancy", () => {
  const elsewhere = { source: "https://models.example/m.gguf", digest, files: [file], isInPlace: false } as const;

  test("a model from elsewhere is fetched once, copied to a second node, and survives either one", () => {
    const pool = new LivingPool();
    pool.deploy({ ...elsewhere, replicas: { min: 1, max: 1 } });
    const effects = [...pool.add(statusOf("a")), ...pool.pass(2500)];
    assert.deepEqual([pulls(effects), only(effects, "pullModel")[0]?.peers], [["m@a"], []]);
    assert.deepEqual(pool.held("a"), ["m"]);
    const deployment = pool.state.deployments.get("m");
    assert.ok(deployment !== undefined && !survivesNodeLoss(pool.state, deployment));
    const second = [...pool.add(statusOf("b")), ...pool.pass(500)];
    assert.deepEqual([pulls(second), only(second, "pullModel")[0]?.peers], [["m@b"], ["a:1"]]);
    assert.ok(survivesNodeLoss(pool.state, deployment));
    assert.deepEqual(pool.held("b"), []);
  });

  test("when the only replica's node is lost another one is loaded at once; a copy is made anew after the grace", () => {
    const pool = new LivingPool();
    pool.deploy({ ...elsewhere, replicas: { min: 1, max: 1 } });
    for (const nodeId of ["a", "b", "c"]) pool.add(statusOf(nodeId));
    pool.pass(4000);
    const [first = ""] = ["a", "b", "c"].filter((nodeId) => pool.held(nodeId).length > 0);
    const lost = pool.pass(4000, first);
    assert.equal(loads(lost).length, 1);
    assert.deepEqual(pulls(lost), []);
    assert.deepEqual(pulls(pool.pass(24_000, first)), []);
    assert.equal(pulls(pool.pass(8000, first)).length, 1);
  });

  test("a node that is back in time gets nothing anew", () => {
    const pool = new LivingPool();
    pool.deploy({ ...elsewhere, replicas: { min: 2, max: 2 } });
    for (const nodeId of ["a", "b", "c"]) pool.add(statusOf(nodeId));
    pool.pass(4000);
    const effects = [...pool.pass(20_000, "a"), ...pool.pass(20_000)];
    assert.deepEqual([loads(effects), pulls(effects)], [[], []]);
  });

  test("a pull that fails is tried again later and later, and says why", () => {
    const pool = new TestPool();
    pool.deploy({ ...elsewhere });
    pool.join(statusOf("a"));
    pool.nowMs += 2000;
    const effects = pool.heartbeat(statusOf("a", { sequence: 2 }));
    assert.deepEqual(pulls(effects), ["m@a"]);
    const runKey = pool.state.deployments.get("m")?.runKey ?? "";
    const failed = pool.take({
      kind: "pullEnded",
      nodeId: "a",
      model: "m",
      runKey,
      failure: failureOf("transfer_failed"),
    });
    assert.deepEqual(pulls(failed), []);
    const beat = (sequence: number, ms: number): string[] => {
      pool.nowMs += ms;
      return pulls(pool.heartbeat(statusOf("a", { sequence })));
    };
    assert.deepEqual(beat(3, 4999), []);
    assert.deepEqual(beat(4, 500), ["m@a"]);
  });
});

describe("what administrators want of nodes", () => {
  const settings = { labels: [], isCordoned: false, isDraining: false, reservedBytes: 0 };

  test("a cordoned node gets nothing new and goes on with what it has", () => {
    const pool = new LivingPool();
    pool.take({ kind: "nodeSettingsSet", nodeId: "a", settings: { ...settings, isCordoned: true }, revision: 1 });
    pool.deploy();
    pool.add(statusOf("a", { replicas: [replicaOf("r", { model: "m" })] }));
    pool.deploy({ model: "n" });
    assert.deepEqual(pool.held("a"), ["m"]);
    assert.deepEqual(starts(pool.request("q")), ["q/1@a"]);
  });

  test("a drained node is emptied, and used again afterwards", () => {
    const pool = new LivingPool();
    pool.deploy();
    pool.add(statusOf("a"));
    pool.add(statusOf("b"));
    pool.obey(
      pool.take({ kind: "nodeSettingsSet", nodeId: "a", settings: { ...settings, isDraining: true }, revision: 1 }),
    );
    pool.pass(1000);
    assert.deepEqual([pool.held("a"), pool.held("b")], [[], ["m"]]);
    pool.obey(pool.take({ kind: "nodeSettingsSet", nodeId: "a", settings, revision: 2 }));
    pool.pass(1000);
    assert.deepEqual(pool.held("a"), ["m"]);
  });

  test("a drained node with the only replica of a model answers until another node does", () => {
    const pool = new LivingPool();
    pool.deploy({ replicas: { min: 1, max: 1 } });
    pool.add(statusOf("a"));
    pool.add(statusOf("b"));
    const [from, to] = pool.held("a").length === 1 ? ["a", "b"] : ["b", "a"];
    const drained = { ...settings, isDraining: true };
    const decided = pool.take({ kind: "nodeSettingsSet", nodeId: from, settings: drained, revision: 1 });
    assert.deepEqual(
      only(decided, "loadReplica").map(({ nodeId }) => nodeId),
      [to],
    );
    assert.deepEqual(only(decided, "unloadReplica"), []);
    assert.deepEqual(starts(pool.request("q")), [`q/1@${from}`]);
    pool.obey(decided);
    pool.pass(1000);
    assert.deepEqual(starts(pool.request("later")), [`later/1@${to}`]);
    const place = pool.state.requests.get("q")?.place;
    assert.equal(place?.kind === "bound" && place.nodeId, to);
    pool.pass(1000);
    assert.deepEqual([pool.held(from), pool.held(to)], [[], ["m"]]);
  });

  test("reserved memory is not given to models, and labels say where one may go", () => {
    const pool = new LivingPool();
    pool.take({ kind: "nodeSettingsSet", nodeId: "a", settings: { ...settings, reservedBytes: 13e9 }, revision: 1 });
    pool.take({
      kind: "nodeSettingsSet",
      nodeId: "b",
      settings: { ...settings, labels: ["room=office"] },
      revision: 1,
    });
    pool.deploy();
    pool.deploy({ model: "n", labels: ["room=office"] });
    pool.add(statusOf("a"));
    pool.add(statusOf("b"));
    assert.deepEqual([pool.held("a"), pool.held("b")], [[], ["m", "n"]]);
  });
});

test("a prompt goes only to replicas of the model that it was tokenized with", () => {
  const pool = new TestPool();
  pool.deploy();
  const replicas = [replicaOf("r", { digest: "cd".repeat(32) })];
  pool.join(statusOf("a", { replicas }));
  assert.deepEqual(starts(pool.request("q", { promptDigest: digest })), []);
  assert.deepEqual(starts(pool.request("p", { promptDigest: "cd".repeat(32) })), ["p/1@a"]);
  assert.deepEqual(endings(pool.wait(100)), ["q: failed node_lost"], "nobody understands it any more");
});

describe("what changes while something is under way", () => {
  const old = "cd".repeat(32);

  test("a replica that is replaced answers those first whose prompts only it understands", () => {
    const pool = new TestPool();
    pool.deploy();
    const busy = [{ requestId: "foreign", epoch: 1, isOrphaned: false }];
    const before = replicaOf("r-old", { slots: 1, digest: old, revision: "before", running: busy });
    pool.join(statusOf("a", { replicas: [before] }));
    assert.deepEqual(starts(pool.request("q", { promptDigest: old })), []);
    const revision = pool.state.deployments.get("m")?.runKey ?? "";
    const after = replicaOf("r-new", { digest, revision });
    pool.nowMs += 500;
    const effects = pool.heartbeat(statusOf("a", { sequence: 2, replicas: [{ ...before, running: [] }, after] }));
    assert.deepEqual([starts(effects), only(effects, "unloadReplica")], [["q/1@a"], []]);
    assert.deepEqual(starts(pool.request("p")), ["p/1@a"]);
    pool.frame("q", 1, ending("stop", 0));
    assert.deepEqual(only(pool.wait(500), "unloadReplica"), [
      { kind: "unloadReplica", nodeId: "a", replicaId: "r-old" },
    ]);
  });

  test("requests that wait for a model which is taken away are told so", () => {
    const pool = new TestPool();
    pool.deploy();
    pool.request("q");
    pool.take({ kind: "deploymentRemoved", model: "m" });
    assert.deepEqual(endings(pool.wait(100)), ["q: failed model_not_found"]);
  });

  test("a transfer of files that nobody asks for any more is stopped, and the new one begins", () => {
    const pool = new TestPool();
    const elsewhere = { source: "https://models.example/m.gguf", digest, files: [file], isInPlace: false } as const;
    pool.deploy(elsewhere);
    pool.join(statusOf("a"));
    pool.nowMs += 2000;
    const [first] = only(pool.heartbeat(statusOf("a", { sequence: 2 })), "pullModel");
    const effects = pool.deploy({ ...elsewhere, source: "https://models.example/n.gguf" });
    assert.deepEqual(
      only(effects, "cancelPull").map(({ runKey }) => runKey),
      [first?.runKey],
    );
    pool.nowMs += 500;
    const next = [...effects, ...pool.heartbeat(statusOf("a", { sequence: 3 }))];
    assert.equal(only(next, "pullModel").length, 1);
    pool.take({ kind: "pullEnded", nodeId: "a", model: "m", runKey: first?.runKey ?? "", failure: null });
    assert.equal(pool.state.members.get("a")?.pulling?.model, "m", "the end of the old one says nothing of the new");
  });

  test("a load of the deployment before that fails says nothing against the new one", () => {
    const pool = new TestPool();
    pool.deploy();
    const [load] = only(pool.join(statusOf("a")), "loadReplica");
    pool.deploy({ source: "/other" });
    const failure = failureOf("invalid_model");
    const effects = pool.take({
      kind: "loadFailed",
      nodeId: "a",
      replicaId: load?.replicaId ?? "",
      model: "m",
      failure,
    });
    assert.deepEqual(loads(effects), ["m@a"]);
  });

  test("a load that nobody asks for any more is ended", () => {
    const pool = new TestPool();
    pool.deploy();
    const [load] = only(pool.join(statusOf("a")), "loadReplica");
    const revision = load?.spec.revision ?? "";
    const loading = replicaOf(load?.replicaId ?? "", { state: "loading", revision });
    pool.heartbeat(statusOf("a", { sequence: 2, replicas: [loading] }));
    const effects = pool.take({ kind: "deploymentRemoved", model: "m" });
    assert.deepEqual(only(effects, "unloadReplica"), [
      { kind: "unloadReplica", nodeId: "a", replicaId: loading.replicaId },
    ]);
    assert.equal(pool.state.members.get("a")?.loading, null);
  });

  test("requests are admitted to a replica that is ready, whatever nobody knows of the new source", () => {
    const pool = new TestPool();
    pool.deploy();
    pool.join(statusOf("a", { replicas: [replicaOf("r")] }));
    pool.take({ kind: "deploymentSet", record: recordOf({ source: "/not-there" }) });
    assert.equal(decideMaxTokens(pool.state, { model: "m", promptTokens: 10, maxTokens: 20 }), 20);
  });
});
