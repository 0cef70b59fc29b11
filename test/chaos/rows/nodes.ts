// Nodes that die and nodes that hang.
import { setTimeout as sleep } from "node:timers/promises";
import { Load } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

/** Letters of every stream before the fault comes. */
const begunLetters = 20;
const loadDeadlineMs = 60_000;

async function undisturbed(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = await Load.start(pool, "undisturbed", settings).finish(loadDeadlineMs);
  notes.mustBeExact(load);
  const moves = await pool.moves();
  notes.must(moves === 0, "nothing moved");
  return notes.outcome(load, moves);
}

async function killOne(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "kill one", settings);
  await load.allPast(begunLetters);
  const victim = pool.node(0);
  const hit = load.runningOn(victim.id).length;
  const killedAtMs = Date.now();
  await victim.process.kill();
  const summary = await load.finish(loadDeadlineMs);
  const moves = await pool.moves();
  notes.must(victim.process.isGone && hit > 0, `the node-agent is gone, with ${hit} streams on it`);
  notes.must(moves >= hit, `${moves} moves`);
  notes.mustBeExact(summary);
  const movedAtMs = pool.events.firstMoveMs(victim.id, killedAtMs);
  notes.time("first stream leaves the node", (movedAtMs ?? Number.POSITIVE_INFINITY) - killedAtMs, 100);
  notes.time("longest gap", summary.longestGapMs, 500);
  notes.time("p99 gap", summary.p99GapMs, 300);
  return notes.outcome(summary, moves);
}

async function killTwo(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const healthy = await Load.start(pool, "before", settings).finish(loadDeadlineMs);
  const load = Load.start(pool, "kill two", settings);
  await load.allPast(begunLetters);
  await pool.node(0).process.kill();
  await sleep(5000);
  const left = load.streams.filter(({ isEnded }) => !isEnded).length;
  await pool.node(1).process.kill();
  const summary = await load.finish(loadDeadlineMs);
  notes.must(left > 0 && pool.node(1).process.isGone, `${left} streams ran when the second node was killed`);
  notes.mustBeExact(healthy);
  notes.mustBeExact(summary);
  notes.figure({
    name: "time to that without faults",
    measured: summary.durationMs / healthy.durationMs,
    limit: 3,
    unit: "",
  });
  return notes.outcome(summary, await pool.moves());
}

/** Five seconds: streams that outlast the hang. */
const hangTokens = 250;

async function hang(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "hang", { ...settings, tokens: Math.max(settings.tokens, hangTokens) });
  await load.allPast(begunLetters);
  const victim = pool.node(0);
  const hit = load.runningOn(victim.id);
  const stoppedAtMs = Date.now();
  victim.process.signal("SIGSTOP");
  await sleep(2000);
  const state = victim.process.schedulingState();
  const running = load.streams.filter(({ isEnded }) => !isEnded).length;
  victim.process.signal("SIGCONT");
  const summary = await load.finish(loadDeadlineMs);
  notes.must(state === "T" && hit.length > 0, `the node-agent stood still for 2 s, with ${hit.length} streams on it`);
  notes.must(running > 0, `${running} streams ran when it went on`);
  notes.mustBeExact(summary);
  const movedAtMs = pool.events.firstMoveMs(victim.id, stoppedAtMs);
  notes.time("first stream leaves the node", (movedAtMs ?? Number.POSITIVE_INFINITY) - stoppedAtMs, 1500);
  notes.time("longest gap", summary.longestGapMs, 1500);
  return notes.outcome(summary, await pool.moves());
}

export const nodeRows: readonly Row[] = [
  {
    number: 0,
    title: "no fault, for comparison",
    run: (settings) => withPool({}, (pool) => undisturbed(pool, settings)),
  },
  {
    number: 1,
    title: "kill -9 of one node of three",
    run: (settings) => withPool({}, (pool) => killOne(pool, settings)),
  },
  {
    number: 2,
    title: "kill -9 of two of three, 5 s apart",
    run: (settings) => withPool({ stepMs: 50 }, (pool) => killTwo(pool, settings)),
  },
  { number: 3, title: "a node hangs for 2 s", run: (settings) => withPool({}, (pool) => hang(pool, settings)) },
];
