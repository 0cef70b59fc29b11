// The coordinator is stopped, and killed.
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait-for.ts";
import { Load, summaryOf } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
/** Where nothing comes back. */
const patienceMs = 30_000;

/** Starts the coordinator as a supervisor does: again and again, until it serves. */
async function supervise(pool: ChaosPool): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      await pool.restartCoordinator();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(50);
    }
  }
}

/** When /healthz answered, and when it did not; asked every 20 ms. */
class Watch {
  #lastGoodAtMs = performance.now();
  #isOver = false;
  longestGapMs = 0;
  readonly #loop: Promise<void>;

  constructor(http: string) {
    this.#loop = this.#watch(http);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
  }

  async #watch(http: string): Promise<void> {
    while (!this.#isOver) {
      const isGood = await fetch(`${http}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
        (response) => response.ok,
        () => false,
      );
      const nowMs = performance.now();
      if (isGood) {
        this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastGoodAtMs);
        this.#lastGoodAtMs = nowMs;
      }
      await sleep(20);
    }
  }
}

async function terminated(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const half = Math.ceil(settings.streams / 2);
  const short = Load.start(pool, "short", { ...settings, streams: half });
  const long = Load.start(pool, "long", { streams: settings.streams - half, tokens: 10 * settings.tokens });
  // The rest of the short ones is a quarter: less than the two seconds that a stopping coordinator gives them.
  await short.allPast(Math.round(0.75 * settings.tokens));
  await long.allPast(20);
  const watch = new Watch(pool.http);
  const old = pool.coordinator;
  old.signal("SIGTERM");
  const restarted = supervise(pool);
  const shorts = await short.finish(loadDeadlineMs);
  const longs = await long.finish(loadDeadlineMs);
  await restarted;
  await pool.settled(patienceMs);
  await watch.close();
  const after = Load.start(pool, "after", settings);
  const afterwards = await after.finish(loadDeadlineMs);
  const told = long.streams.filter(({ errors, doneCount }) => errors.join() === "shutting_down" && doneCount === 0);
  notes.must(old.isGone && pool.coordinator.pid !== old.pid, "the old coordinator is gone, a new one serves");
  notes.mustBeExact(shorts);
  notes.must(longs.wrong === 0, `${longs.wrong} wrong texts of streams that outlast the stop`);
  notes.must(
    told.length === long.streams.length,
    `${told.length} of ${long.streams.length} of them got one error that says so: ${JSON.stringify(longs.errors)}`,
  );
  notes.mustBeExact(afterwards);
  notes.time("new requests are not answered for", watch.longestGapMs, 500);
  return notes.outcome(summaryOf([...short.streams, ...after.streams]), await pool.moves());
}

async function killed(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "killed", settings);
  await load.allPast(20);
  const old = pool.coordinator;
  const killedAtMs = performance.now();
  await old.kill();
  const cut = await load.finish(loadDeadlineMs);
  await supervise(pool);
  const first = new Load(pool, "first");
  const isServing = async (): Promise<boolean> => {
    const stream = first.add(5);
    await stream.done;
    return stream.verdict() === "exact";
  };
  const since = (): number => performance.now() - killedAtMs;
  const [servingMs, backMs] = await Promise.all([
    waitFor(isServing, patienceMs, "an answer").then(since, () => Number.POSITIVE_INFINITY),
    pool.settled(patienceMs).then(since, () => Number.POSITIVE_INFINITY),
  ]);
  const again = new Load(pool, "killed");
  for (const { options } of load.streams) again.ask(options.prompt, options.maxTokens);
  const retried = await again.finish(loadDeadlineMs);
  const isIdle = async (): Promise<boolean> => (await pool.runningAttempts()) === 0;
  await waitFor(isIdle, 10_000, "no attempts").catch(() => undefined);
  notes.must(old.isGone && cut.failed === cut.streams, `the coordinator was killed with ${cut.failed} streams`);
  notes.must(cut.wrong === 0, "what they had got was right");
  notes.must(await isIdle(), "no attempt of the old coordinator holds a slot");
  notes.mustBeExact(retried);
  notes.time("an answer again", servingMs, 2500);
  notes.time("three nodes back", backMs, 3000);
  return notes.outcome(retried, await pool.moves());
}

export const coordinatorRows: readonly Row[] = [
  {
    number: 13,
    title: "the coordinator is stopped and replaced",
    run: (settings) => withPool({}, (pool) => terminated(pool, settings)),
  },
  {
    number: 14,
    title: "the coordinator is killed and comes back",
    run: (settings) => withPool({}, (pool) => killed(pool, settings)),
  },
];
