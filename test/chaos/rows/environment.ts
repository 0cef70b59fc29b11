// Clocks that jump, files that cannot be opened, a NATS that is flooded, a node that is slow.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { connectBus } from "@pomona/shared/nats/connect-bus";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { hasProgram } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { Load, summaryOf } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const hourMs = 3_600_000;

const slowForMs = 15_000;

async function gray(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const healthy = await Load.start(pool, "healthy", settings).finish(loadDeadlineMs);
  const load = Load.start(pool, "gray", { ...settings, tokens: 3 * settings.tokens });
  await load.allPast(20);
  const victim = pool.node(0);
  const hit = load.runningOn(victim.id);
  const lettersOf = (): number => hit.reduce((sum, { tokens }) => sum + tokens, 0);
  const [slowAtMs, slowAtWallMs, lettersBefore] = [performance.now(), Date.now(), lettersOf()];
  const slowDown = async (): Promise<void> => {
    while (performance.now() < slowAtMs + slowForMs) {
      victim.process.signal("SIGSTOP");
      await sleep(180);
      victim.process.signal("SIGCONT");
      await sleep(20);
    }
  };
  // Not for ever: streams that nobody moves shall end all the same.
  const slowing = slowDown();
  await sleep(1000);
  const perSecond = (lettersOf() - lettersBefore) / hit.length;
  const summary = await load.finish(loadDeadlineMs);
  await slowing;
  const movedAt = pool.events.list.filter(({ kind, nodeId }) => kind === "requestMoved" && nodeId === victim.id);
  const lastEndMs = Math.max(...hit.map(({ endedAtMs }) => endedAtMs ?? Number.POSITIVE_INFINITY)) - slowAtMs;
  const goneMs = movedAt.length >= hit.length ? Math.max(...movedAt.map(({ atMs }) => atMs - slowAtWallMs)) : lastEndMs;
  const others = new Set(pool.events.list.filter(({ kind }) => kind === "requestMoved").map(({ nodeId }) => nodeId));
  notes.must(
    hit.length > 0 && perSecond < 25,
    `a stream of the slow node made ${Math.round(perSecond)} instead of 50 tokens in a second`,
  );
  notes.mustBeExact(summary);
  notes.must(movedAt.length >= hit.length, `${movedAt.length} moves of the ${hit.length} streams on the slow node`);
  notes.must(others.size <= 1, `streams left ${others.size} of 3 nodes`);
  notes.time("no stream is on the slow node", goneMs, 5000);
  notes.figure({
    name: "p99 gap to the healthy one",
    measured: summary.p99GapMs / healthy.p99GapMs,
    limit: 2,
    unit: "",
  });
  return notes.outcome(summary, await pool.moves());
}

const floodPerSecond = 10_000;
const floodMs = 10_000;

/** Publishes as one node would, a thousand times more than all of them. Tells how many messages NATS passed on. */
async function flood(pool: ChaosPool): Promise<number> {
  const log = createSilentLogger();
  const [flooder, counter] = await Promise.all([
    connectBus({ urls: [pool.nats.url], name: "flooder", log }),
    connectBus({ urls: [pool.nats.url], name: "counter", log, pendingMax: 100_000 }),
  ]);
  const subject = `pomona.${await pool.cluster()}.node.${pool.node(0).id}.heartbeat`;
  await waitFor(() => flooder.isConnected && counter.isConnected, 10_000, "NATS is connected");
  let passed = 0;
  counter.subscribe(subject, () => {
    passed += 1;
  });
  const payload = new Uint8Array(200);
  const startedAtMs = performance.now();
  for (let sent = 0; performance.now() - startedAtMs < floodMs; ) {
    for (const due = ((performance.now() - startedAtMs) * floodPerSecond) / 1000; sent < due; sent += 1)
      flooder.publish(subject, payload);
    await sleep(5);
  }
  await Promise.all([flooder.close(), counter.close()]);
  return passed;
}

async function flooded(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "flooded", { ...settings, tokens: 3 * settings.tokens });
  await load.allPast(5);
  let oldestMs = 0;
  const flooder = pool.node(0).id;
  const look = setInterval(() => {
    pool.members().then(
      (members) => {
        for (const { nodeId, lastHeartbeatAgeMs = 0 } of members)
          if (nodeId !== flooder) oldestMs = Math.max(oldestMs, lastHeartbeatAgeMs);
      },
      () => undefined,
    );
  }, 200);
  const passed = await flood(pool);
  clearInterval(look);
  const summary = await load.finish(loadDeadlineMs);
  notes.must(
    passed >= 0.9 * floodPerSecond * (floodMs / 1000),
    `NATS passed on ${passed} messages in ${floodMs / 1000} s`,
  );
  const dropped = await pool.metric("pomona_nats_dropped_messages_total");
  notes.must(dropped >= 0.95 * passed, `the coordinator did not read ${dropped} of them`);
  notes.mustBeExact(summary);
  notes.time("oldest heartbeat of the others", oldestMs, 500 + 1000);
  return notes.outcome(summary, await pool.moves());
}

/** As an answer of the coordinator tells it. */
async function wallClockMs({ http, model }: ChaosPool): Promise<number> {
  const response = await fetch(`${http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, prompt: "what time is it", max_tokens: 1, temperature: 0 }),
  });
  // OpenAI's shape.
  return 1000 * ((await response.json()) as { readonly created: number }).created;
}

async function clocks(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const to2038 = Date.UTC(2038, 0, 20) - Date.now();
  const jumps = [
    ["one hour on", hourMs],
    ["two hours back", -2 * hourMs],
    ["to 2038", hourMs + to2038],
    ["back to now", -to2038],
  ] as const;
  const loads: Load[] = [];
  let expectedOffMs = 0;
  for (const [name, jumpMs] of jumps) {
    const load = Load.start(pool, name, settings);
    loads.push(load);
    await load.allPast(20);
    pool.jumpClocks(jumpMs);
    await sleep(500);
    const offMs = (await wallClockMs(pool)) - Date.now();
    expectedOffMs += jumpMs;
    notes.must(
      Math.abs(offMs - expectedOffMs) < 5000,
      `${name}: the coordinator's clock is ${Math.round(offMs / hourMs)} h off`,
    );
    await load.finish(loadDeadlineMs);
  }
  const summary = summaryOf(loads.flatMap(({ streams }) => streams));
  const moves = await pool.moves();
  notes.mustBeExact(summary);
  notes.must(moves === 0, `${moves} moves`);
  return notes.outcome(summary, moves);
}

const filesMax = 64;

async function fewFiles(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const { pid } = pool.coordinator;
  await promisify(execFile)("prlimit", ["--pid", String(pid), `--nofile=${filesMax}:${filesMax}`]);
  const openFiles = (): number => readdirSync(`/proc/${pid}/fd`).length;
  const before = openFiles();
  const load = Load.start(pool, "few files", { ...settings, streams: 2 * filesMax });
  await load.streams[0]?.done;
  const during = openFiles();
  await load.finish(30_000);
  const odd = load.streams.filter((stream) => stream.verdict() !== "exact" && stream.status !== 503);
  const exact = load.streams.filter((stream) => stream.verdict() === "exact").length;
  const after = await Load.start(pool, "after", { ...settings, streams: 10 }).finish(loadDeadlineMs);
  const seen = JSON.stringify(summaryOf(load.streams).errors);
  // The last ones are kept for nodes.
  notes.must(
    before < during && during < filesMax,
    `it had ${before} files open before, ${during} of ${filesMax} in the load`,
  );
  notes.must(!pool.coordinator.isGone, "the coordinator lives");
  notes.must(
    exact < load.streams.length,
    `${exact} of ${load.streams.length} streams were answered with ${filesMax} files`,
  );
  notes.must(odd.length === 0, `${odd.length} got neither their answer nor 503: ${seen}`);
  notes.must(summaryOf(load.streams).wrong === 0, "no wrong text");
  notes.mustBeExact(after);
  return notes.outcome(after, await pool.moves());
}

export const environmentRows: readonly Row[] = [
  {
    number: 7,
    title: "a node is ten times slower, but alive",
    run: (settings) => withPool({}, (pool) => gray(pool, settings)),
  },
  {
    number: 16,
    title: "a node floods NATS with 10,000 messages a second",
    run: (settings) => withPool({}, (pool) => flooded(pool, settings)),
  },
  {
    number: 20,
    title: "wall clocks jump by hours, and to 2038",
    run: (settings) => withPool({ hasClocks: true }, (pool) => clocks(pool, settings)),
  },
  {
    number: 24,
    title: "the coordinator may open 64 files",
    run: async (settings) =>
      hasProgram("prlimit")
        ? await withPool({}, (pool) => fewFiles(pool, settings))
        : { kind: "skipped", reason: "needs prlimit (util-linux)" },
  },
];
