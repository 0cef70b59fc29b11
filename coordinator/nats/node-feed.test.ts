import assert from "node:assert/strict";
import { test } from "node:test";
import { subjects } from "@pomona/shared/core/subjects";
import { encodeMetricsReport } from "@pomona/shared/grpc/wire-metrics";
import { encodeNodeStatus } from "@pomona/shared/grpc/wire-status";
import { FakeNats } from "@pomona/shared/nats/fake-bus";
import { createLogger } from "@pomona/shared/runtime/logger";
import type { ClusterEvent } from "../core/event.ts";
import { statusOf, TestPool } from "../core/test-pool.ts";
import { NodeFeed } from "./node-feed.ts";

const nodeId = "a1".repeat(16);
const other = "b2".repeat(16);
const cluster = "pool-test";

/** Each turn of the event loop hands over one message at least; no test has more of them than this. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 8; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A feed beside a pool that knows one node, and the NATS that both hang on. */
function feed() {
  const nats = new FakeNats();
  const pool = new TestPool();
  pool.heartbeat(statusOf(nodeId));
  const events: ClusterEvent[] = [];
  const time = { nowMs: 0 };
  const feed = new NodeFeed({
    bus: nats.connect(),
    cluster,
    state: pool.state,
    clock: { nowMs: () => time.nowMs, wallMs: () => 0 },
    log: createLogger({ name: "test", level: "silent" }),
    onEvent: (event) => events.push(event),
    onDropped: () => undefined,
  });
  return { nats, pool, events, time, feed, sender: nats.connect(), names: subjects(cluster) };
}

function metricsOf(id: string): Uint8Array {
  const samples = [{ name: "pomona_node_slots", labels: { model: "m" }, value: 4 }];
  const families = [{ name: "pomona_node_slots", help: "Slots", type: "gauge" as const, samples }];
  return encodeMetricsReport({ nodeId: id, incarnation: 1, families });
}

test("a heartbeat on NATS becomes an event with the address that it names", async () => {
  const { sender, names, events } = feed();
  sender.publish(names.heartbeat(other), encodeNodeStatus(statusOf(other, { grpcAddress: "192.0.2.7:8486" })));
  await turn();
  assert.equal(events[0]?.kind, "heartbeat");
  assert.equal(events[0]?.kind === "heartbeat" && events[0].address, "192.0.2.7:8486");
});

test("a heartbeat without a host counts only for a node whose address is known", async () => {
  const { sender, names, events } = feed();
  sender.publish(names.heartbeat(other), encodeNodeStatus(statusOf(other, { grpcAddress: ":8486" })));
  sender.publish(names.heartbeat(nodeId), encodeNodeStatus(statusOf(nodeId, { grpcAddress: ":8486" })));
  await turn();
  assert.deepEqual(
    events.map((event) => event.kind === "heartbeat" && event.status.nodeId),
    [nodeId],
  );
});

test("bytes that are no message, and messages for another node than the subject's, are dropped", async () => {
  const { sender, names, events, feed: running } = feed();
  sender.publish(names.heartbeat(nodeId), new Uint8Array([255, 1, 2]));
  sender.publish(names.heartbeat(other), encodeNodeStatus(statusOf(nodeId)));
  sender.publish(names.metrics(other), metricsOf(nodeId));
  sender.publish(names.metrics(nodeId), new Uint8Array([255]));
  await turn();
  assert.deepEqual(events, []);
  assert.deepEqual(running.metricSources(), []);
});

test("metrics of a known node carry its id until they are old, and those of unknown or dead nodes are left out", async () => {
  const { sender, names, feed: running, time, pool } = feed();
  sender.publish(names.metrics(nodeId), metricsOf(nodeId));
  sender.publish(names.metrics(other), metricsOf(other));
  await turn();
  assert.deepEqual(
    running.metricSources().map(({ labels }) => labels),
    [{ node: nodeId }],
  );
  time.nowMs = 17_000;
  assert.deepEqual(running.metricSources(), [], "an outage of NATS is a gap, not a flat line");
  sender.publish(names.metrics(nodeId), metricsOf(nodeId));
  await turn();
  assert.equal(running.metricSources().length, 1);
  pool.wait(10_000);
  assert.deepEqual(running.metricSources(), []);
});

test("announcements go out on the subject of their kind", async () => {
  const { sender, names, feed: running } = feed();
  const heard: unknown[] = [];
  sender.subscribe(names.coordinatorEvent("memberForgotten"), (_subject, payload) =>
    heard.push(JSON.parse(new TextDecoder().decode(payload))),
  );
  running.publish({ kind: "memberForgotten", nodeId });
  await turn();
  assert.deepEqual(heard, [{ kind: "memberForgotten", nodeId }]);
});
