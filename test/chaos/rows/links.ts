// The lines between the coordinator and the nodes: broken, lossy, slow, cut to pieces.
import { setTimeout as sleep } from "node:timers/promises";
import { Load } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const resetRounds = 10;

async function resets(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "resets", settings);
  await load.allPast(5);
  for (let round = 0; round < resetRounds; round += 1) {
    for (const { proxy } of pool.nodes) proxy.reset();
    await sleep(1000);
  }
  const running = load.streams.filter(({ isEnded }) => !isEnded).length;
  const summary = await load.finish(loadDeadlineMs);
  const counts = pool.nodes.map(({ proxy }) => proxy.resets);
  notes.must(
    counts.every((count) => count >= resetRounds / 2),
    `${counts.join(", ")} connections were reset`,
  );
  notes.fact(`${running} streams ran when the last reset was a second ago`);
  notes.mustBeExact(summary);
  return notes.outcome(summary, await pool.moves());
}

async function badLines(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const [lossy, narrow, sliced] = [pool.node(0), pool.node(1), pool.node(2)];
  lossy.proxy.faults = { delayMs: 50, jitterMs: 20, lossRatio: 0.05 };
  narrow.proxy.faults = { bytesPerSecond: 20_000 };
  sliced.proxy.faults = { sliceBytes: 7 };
  const load = Load.start(pool, "bad lines", settings);
  await load.allPast(1);
  const hit = pool.nodes.map(({ id }) => load.runningOn(id).length);
  const summary = await load.finish(loadDeadlineMs);
  const { delayed, slices } = {
    delayed: lossy.proxy.delayedPieces + narrow.proxy.delayedPieces,
    slices: sliced.proxy.slices,
  };
  notes.must(
    hit.every((count) => count > 0),
    `${hit[0]} streams on a line with 5 % loss and 50 ms of delay, ${hit[1]} on one of 20 kB/s, ${hit[2]} on one that slices`,
  );
  notes.must(delayed > 100 && slices > 1000, `${delayed} pieces were late, ${slices} slices of 7 bytes were sent`);
  notes.mustBeExact(summary);
  const ejections = pool.events.list.filter(
    ({ kind, text }) => kind === "memberChanged" && /is (suspect|dead)$/.test(text),
  );
  const ejected = ejections.filter(({ text }) => text.includes(" was alive "));
  for (const { text } of ejected) notes.fact(text);
  notes.figure({ name: "false ejections", measured: ejected.length, limit: 0, unit: "" });
  return notes.outcome(summary, await pool.moves());
}

export const linkRows: readonly Row[] = [
  {
    number: 5,
    title: "RST of every node's connections once a second, ten times",
    run: (settings) => withPool({ isProxied: true, stepMs: 60 }, (pool) => resets(pool, settings)),
  },
  {
    number: 6,
    title: "loss and delay, a narrow line, slices of 7 bytes",
    run: (settings) => withPool({ isProxied: true, stepMs: 100 }, (pool) => badLines(pool, settings)),
  },
];
