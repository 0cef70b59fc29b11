// Nodes that come and go, sleep, or have no time.
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait-for.ts";
import { Load } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const kills = 10;
const killEveryMs = 6000;

/** Keeps `streams` of them running until it is over. */
async function keepStreaming(load: Load, { streams, tokens }: RowSettings, isOver: () => boolean): Promise<void> {
  const worker = async (): Promise<void> => {
    while (!isOver()) {
      await load.add(tokens).done;
      await sleep(10);
    }
  };
  await Promise.all(Array.from({ length: streams }, worker));
}

async function flapping(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = new Load(pool, "flapping");
  const victim = pool.node(0);
  let isOver = false;
  const streaming = keepStreaming(load, settings, () => isOver);
  await waitFor(() => load.runningOn(victim.id).length > 0, 30_000, "a stream on the node");
  const hit: number[] = [];
  const startedAtMs = performance.now();
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(Math.max(0, startedAtMs + kill * killEveryMs - performance.now()));
    hit.push(await victim.runningAttempts());
    await victim.process.kill();
    await victim.start();
  }
  isOver = true;
  await streaming;
  const summary = await load.finish(loadDeadlineMs);
  notes.must(hit.length === kills, `${kills} kills, with ${hit.join(", ")} attempts on the node`);
  notes.mustBeExact(summary);
  const most = Math.max(0, ...pool.events.movesByRequest().values());
  notes.figure({ name: "most moves of a stream", measured: most, limit: 2, unit: "" });
  return notes.outcome(summary, await pool.moves());
}

async function blocked(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "blocked", settings);
  await load.allPast(20);
  const victim = pool.node(0);
  const hit = load.runningOn(victim.id).length;
  const askedAtMs = performance.now();
  victim.block(2000);
  await sleep(100);
  // Its own answer comes when the loop is free again.
  await victim.replicas();
  const answeredMs = performance.now() - askedAtMs;
  const summary = await load.finish(loadDeadlineMs);
  const moves = await pool.moves();
  notes.must(
    answeredMs > 1500 && hit > 0,
    `the agent answered after ${Math.round(answeredMs)} ms, with ${hit} streams on it`,
  );
  notes.fact(moves === 0 ? "no stream moved" : `${moves} moves: ${pool.events.moveReasons()}`);
  const deaths = pool.events.list.filter(({ kind, text }) => kind === "memberChanged" && text.endsWith("is dead"));
  notes.must(deaths.length === 0, "no node was called dead");
  notes.mustBeExact(summary);
  return notes.outcome(summary, moves);
}

async function asleep(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "asleep", settings);
  await load.allPast(20);
  const victim = pool.node(0);
  const hit = load.runningOn(victim.id).length;
  victim.process.signal("SIGSTOP");
  const summary = await load.finish(loadDeadlineMs);
  await sleep(60_000);
  const state = victim.process.schedulingState();
  const wokenAtMs = performance.now();
  victim.process.signal("SIGCONT");
  const back = await pool.settled(20_000).then(
    () => performance.now() - wokenAtMs,
    () => Number.POSITIVE_INFINITY,
  );
  const after = Load.start(pool, "awake", settings);
  await after.allPast(1);
  const used = after.runningOn(victim.id).length;
  const afterwards = await after.finish(loadDeadlineMs);
  await waitFor(async () => (await pool.runningAttempts()) === 0, 10_000, "no attempts").catch(() => undefined);
  notes.must(state === "T" && hit > 0, `the node slept for 60 s, with ${hit} streams on it`);
  notes.must((await pool.runningAttempts()) === 0, "no old attempt holds a slot");
  notes.must(used > 0, `${used} streams ran on it after it woke`);
  notes.mustBeExact(summary);
  notes.mustBeExact(afterwards);
  notes.time("longest gap", summary.longestGapMs, 1500);
  notes.fact(`ready again ${Math.round(back)} ms after it woke`);
  return notes.outcome(summary, await pool.moves());
}

async function allGone(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "all gone", { ...settings, tokens: 5 * settings.tokens });
  await load.allPast(20);
  const killedAtMs = performance.now();
  await Promise.all(pool.nodes.map(({ process }) => process.kill()));
  await sleep(1000);
  const late = Load.start(pool, "late", { streams: 5, tokens: 5 });
  const summary = await load.finish(10_000);
  await late.finish(10_000);
  const ends = load.streams.map(({ endedAtMs }) => (endedAtMs ?? Number.POSITIVE_INFINITY) - killedAtMs);
  const told = load.streams.filter(
    ({ errors, doneCount, status }) =>
      status === 200 && doneCount === 0 && errors.length === 1 && !errors.join().startsWith("connection"),
  );
  const refused = late.streams.filter(({ status, retryAfter }) => status === 503 && retryAfter !== null);
  notes.must(
    pool.nodes.every(({ process }) => process.isGone),
    "every node-agent is gone",
  );
  notes.must(
    told.length === load.streams.length,
    `${told.length} of ${load.streams.length} streams got one error event and no [DONE]`,
  );
  notes.must(refused.length === 5, `${refused.length} of 5 new requests got 503 with retry-after: ${seen(late)}`);
  notes.must(summary.wrong === 0, `${summary.wrong} wrong texts`);
  notes.time("the last stream knows", Math.max(...ends), 1000);
  return notes.outcome(summary, await pool.moves());
}

function seen(load: Load): string {
  return [...new Set(load.streams.flatMap(({ errors }) => errors))].join(", ");
}

export const flakyNodeRows: readonly Row[] = [
  {
    number: 8,
    title: "a node flaps: 10 kills in 60 s",
    run: (settings) => withPool({ stepMs: 50 }, (pool) => flapping(pool, settings)),
  },
  {
    number: 11,
    title: "all nodes are killed",
    run: (settings) => withPool({}, (pool) => allGone(pool, settings)),
  },
  {
    number: 25,
    title: "an agent's event loop is blocked for 2 s",
    run: (settings) => withPool({}, (pool) => blocked(pool, settings)),
  },
  {
    number: 26,
    title: "a node sleeps for 60 s",
    run: (settings) => withPool({}, (pool) => asleep(pool, settings)),
  },
];
