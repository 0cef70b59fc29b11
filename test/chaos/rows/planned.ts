// What is done on purpose: nodes are drained and upgraded, NATS and the coordinator are stopped.
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait-for.ts";
import type { ChaosNode } from "../chaos-node.ts";
import { Load, summaryOf } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
/** A node that has not let go of its streams by then is ended all the same. */
const drainGivenUpMs = 10_000;
const shortTokens = 25;
const shortAtOnce = 12;

/** Keeps some short requests running until there were `count` of them. */
async function keepAsking(load: Load, count: number): Promise<void> {
  let asked = 0;
  const worker = async (): Promise<void> => {
    while (asked < count) {
      asked += 1;
      await load.add(shortTokens).done;
      // A server that refuses at once must not be asked thousands of times a second.
      await sleep(10);
    }
  };
  await Promise.all(Array.from({ length: shortAtOnce }, worker));
}

/** Drains a node, replaces its process, and takes it into use again. Returns how long it took to be free; milliseconds. */
async function upgrade(pool: ChaosPool, node: ChaosNode): Promise<number> {
  const drainedAtMs = performance.now();
  await pool.setDraining(node, true);
  const leftMs = await waitFor(async () => (await node.runningAttempts()) === 0, drainGivenUpMs, "no attempts").then(
    () => performance.now() - drainedAtMs,
    () => Number.POSITIVE_INFINITY,
  );
  await node.process.close();
  await node.start();
  await pool.setDraining(node, false);
  await pool.settled(30_000);
  return leftMs;
}

async function rollingUpgrade(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const requests = settings.isSlice ? 100 : 1000;
  // Long streams outlast the whole upgrade, so that each node has some when its turn comes.
  const long = Load.start(pool, "long", { streams: 12, tokens: settings.isSlice ? 1200 : 2000 });
  await long.allPast(5);
  const short = new Load(pool, "short");
  const asking = keepAsking(short, requests);
  const left: number[] = [];
  const hit: number[] = [];
  const pids = pool.nodes.map(({ process }) => process.pid);
  for (const node of pool.nodes) {
    hit.push(await node.runningAttempts());
    left.push(await upgrade(pool, node));
  }
  const running = long.streams.filter(({ isEnded }) => !isEnded).length;
  await asking;
  await Promise.all([short.finish(loadDeadlineMs), long.finish(loadDeadlineMs)]);
  const total = summaryOf([...short.streams, ...long.streams]);
  notes.must(
    pool.nodes.every(({ process }, index) => process.pid !== pids[index]) && hit.every((count) => count > 0),
    `every node was replaced, with ${hit.join(", ")} attempts on it`,
  );
  notes.fact(`${running} of ${long.streams.length} long streams outlasted the upgrade`);
  notes.mustBeExact(total);
  notes.time("a node is free of streams", Math.max(...left), 5000);
  return notes.outcome(total, await pool.moves());
}

async function natsAway(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const awayMs = settings.isSlice ? 10_000 : 60_000;
  const before = Load.start(pool, "before", settings);
  await before.allPast(20);
  const memoryBefore = await pool.coordinator.memory();
  await pool.nats.kill();
  const killedAtMs = performance.now();
  const loads = [before];
  let [seen, aliveMin] = [1, 3];
  for (let run = 1; performance.now() - killedAtMs < awayMs; run += 1) {
    await before.finish(loadDeadlineMs);
    const load = Load.start(pool, `without ${"n".repeat(run)}`, {
      ...settings,
      streams: Math.min(12, settings.streams),
    });
    loads.push(load);
    await load.finish(loadDeadlineMs);
    seen = Math.min(seen, await pool.metric("pomona_nats_connected"));
    aliveMin = Math.min(aliveMin, await pool.readyNodes());
  }
  const memoryAfter = await pool.coordinator.memory();
  await pool.nats.restartEmpty();
  const backAtMs = performance.now();
  const isBack = async (): Promise<boolean> => (await pool.metric("pomona_nats_connected")) === 1;
  const reconnectedMs = await waitFor(isBack, 20_000, "NATS is connected").then(
    () => performance.now() - backAtMs,
    () => Number.POSITIVE_INFINITY,
  );
  const after = Load.start(pool, "after", { ...settings, streams: Math.min(12, settings.streams) });
  loads.push(after);
  await after.finish(loadDeadlineMs);
  const summary = summaryOf(loads.flatMap(({ streams }) => streams));
  notes.must(seen === 0, `NATS was away for ${Math.round((backAtMs - killedAtMs) / 1000)} s, and the coordinator knew`);
  notes.must(aliveMin === 3, `${aliveMin} nodes stayed alive and ready without NATS`);
  notes.mustBeExact(summary);
  notes.time("connected again", reconnectedMs, 3000);
  const growth = { before: memoryBefore, after: memoryAfter, count: 1, limitMb: 20 };
  notes.memory("memory of the coordinator grew by", growth);
  return notes.outcome(summary, await pool.moves());
}

export const plannedRows: readonly Row[] = [
  {
    number: 12,
    title: "every node is drained and replaced in turn",
    run: (settings) => withPool({}, (pool) => rollingUpgrade(pool, settings)),
  },
  {
    number: 15,
    title: "NATS is killed, and comes back empty",
    run: (settings) => withPool({}, (pool) => natsAway(pool, settings)),
  },
];
