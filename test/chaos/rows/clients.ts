// Clients that go away, and clients that never say what they want.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait-for.ts";
import { Load, summaryOf } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import type { CompletionStream } from "../stream.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const abortedAtOnce = 200;
/** A minute: none ends before the last one has come. */
const abortedTokens = 3000;
const halfOpenClients = 20;

/** Connections that announce a request and never finish it. */
function halfRequests(http: string): Socket[] {
  const { hostname, port } = new URL(http);
  return Array.from({ length: halfOpenClients }, () => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => undefined);
    socket.write("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
    socket.write('content-length: 1000\r\n\r\n{"model":');
    return socket;
  });
}

async function aborts(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const halves = halfRequests(pool.http);
  const leaving = Load.start(pool, "leaving", { streams: abortedAtOnce, tokens: abortedTokens });
  const places = pool.nodes.length * 25;
  const hasBegun = (): boolean => leaving.streams.filter(({ tokens }) => tokens > 0).length >= places;
  await waitFor(hasBegun, 30_000, "every slot is taken");
  // Whoever leaves before its request has come is nobody's to count.
  const haveCome = async (): Promise<boolean> => (await pool.metric("pomona_queue_depth")) === abortedAtOnce - places;
  await waitFor(haveCome, 30_000, "all others wait");
  const [running, waiting] = [await pool.runningAttempts(), await pool.metric("pomona_queue_depth")];
  const leftAtMs = performance.now();
  for (const stream of leaving.streams) stream.abort();
  const isFree = async (): Promise<boolean> =>
    (await pool.runningAttempts()) === 0 && (await pool.metric("pomona_queue_depth")) === 0;
  const freeMs = await waitFor(isFree, 20_000, "slots and queue are empty").then(
    () => performance.now() - leftAtMs,
    () => Number.POSITIVE_INFINITY,
  );
  const isCounted = async (): Promise<boolean> =>
    (await pool.metric("pomona_node_slots", /state="busy"/)) === 0 &&
    (await pool.metric("pomona_requests_total", /outcome="cancelled"/)) === abortedAtOnce;
  await waitFor(isCounted, 10_000, "gauges and counters").catch(() => undefined);
  notes.must(
    running === places && waiting === abortedAtOnce - places,
    `${running} attempts ran and ${waiting} waited when all clients left`,
  );
  notes.must(await isCounted(), `no slot is busy in the metrics, and ${abortedAtOnce} requests count as cancelled`);
  const summary = await Load.start(pool, "afterwards", settings).finish(loadDeadlineMs);
  notes.must(
    halves.every((socket) => !socket.destroyed),
    `${halves.length} clients with half a request were connected all the time`,
  );
  for (const socket of halves) socket.destroy();
  notes.mustBeExact(summary);
  notes.time("slots and queue are empty", freeMs, 500);
  return notes.outcome(summary, await pool.moves());
}

const slowReaders = 10;
/** About 2 MB of events each: more than may wait for a reader, and more than the kernel takes. */
const slowTokens = 8000;
/** How far the times of others may be from those without slow readers. */
const unchangedRatio = 1.1;

async function slow(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const others = { ...settings, streams: slowReaders, tokens: 5 * settings.tokens };
  const healthy = await Load.start(pool, "healthy", others).finish(loadDeadlineMs);
  const readers = Load.start(pool, "slow", { streams: slowReaders, tokens: slowTokens });
  await readers.allPast(20);
  const before = await pool.coordinator.memory();
  for (const stream of readers.streams) stream.pause(true);
  const summary = await Load.start(pool, "others", others).finish(loadDeadlineMs);
  await sleep(20_000);
  const after = await pool.coordinator.memory();
  const got = readers.streams.map(({ tokens }) => tokens);
  for (const stream of readers.streams) stream.pause(false);
  const afterwards = await readers.finish(loadDeadlineMs);
  notes.must(
    Math.max(...got) < slowTokens,
    `${slowReaders} clients had read at most ${Math.max(...got)} of ${slowTokens} tokens`,
  );
  notes.mustBeExact(summary);
  notes.mustBeExact(afterwards);
  notes.memory("memory a slow reader", { before, after, count: slowReaders, limitMb: 1 });
  notes.figure({
    name: "p99 gap of others to that without slow readers",
    measured: summary.p99GapMs / healthy.p99GapMs,
    limit: unchangedRatio,
    unit: "",
  });
  return notes.outcome(summary, await pool.moves());
}

const overloadMs = 60_000;
const overloadTokens = 50;
const overloadSlots = 4;
const overloadStepMs = 20;
/** Three seconds of work: what an operator sets who promises five to the first token. */
const overloadQueueMax = 36;

async function overload(pool: ChaosPool): Promise<RowOutcome> {
  const notes = new RowNotes();
  const capacity = (pool.nodes.length * overloadSlots * 1000) / (overloadTokens * overloadStepMs);
  const load = new Load(pool, "overload");
  const startedAtMs = performance.now();
  let deepest = 0;
  const look = setInterval(() => {
    pool.metric("pomona_queue_depth").then(
      (depth) => {
        deepest = Math.max(deepest, depth);
      },
      () => undefined,
    );
  }, 500);
  for (let asked = 0; performance.now() - startedAtMs < overloadMs; asked += 1) {
    await sleep(Math.max(0, startedAtMs + (1000 * asked) / (10 * capacity) - performance.now()));
    load.add(overloadTokens);
  }
  const offered = load.streams.length;
  await load.finish(loadDeadlineMs);
  clearInterval(look);
  const accepted = load.streams.filter(({ status }) => status === 200);
  const refused = load.streams.filter(({ status }) => status !== 200);
  const odd = refused.filter(({ status, retryAfter }) => (status !== 429 && status !== 503) || retryAfter === null);
  const summary = summaryOf(accepted);
  const firsts = accepted.map(({ textAtMs, startedAtMs: at }) => (textAtMs[0] ?? Number.POSITIVE_INFINITY) - at);
  const moves = await pool.moves();
  notes.must(
    offered > 8 * capacity * (overloadMs / 1000) && refused.length > accepted.length,
    `${offered} requests were offered in ${overloadMs / 1000} s to places for ${capacity} a second; ${refused.length} were refused`,
  );
  notes.must(odd.length === 0, `${odd.length} refusals were not 429 or 503 with retry-after: ${reasonsOf(odd)}`);
  notes.mustBeExact(summary);
  notes.time("longest time to the first token", Math.max(...firsts), 5000);
  notes.figure({ name: "longest queue", measured: deepest, limit: overloadQueueMax, unit: "" });
  notes.figure({ name: "moves to accepted requests", measured: (100 * moves) / accepted.length, limit: 20, unit: "%" });
  return notes.outcome(summary, moves);
}

function reasonsOf(streams: readonly CompletionStream[]): string {
  return [...new Set(streams.flatMap(({ errors }) => errors))].join(", ") || "none";
}

export const clientRows: readonly Row[] = [
  {
    number: 27,
    title: "200 clients leave at once, 20 send half a request",
    run: (settings) => withPool({}, (pool) => aborts(pool, settings)),
  },
  {
    number: 28,
    title: "ten clients read nothing",
    run: (settings) => withPool({ stepMs: 5 }, (pool) => slow(pool, settings)),
  },
  {
    number: 29,
    title: "ten times the load that fits, for 60 s",
    run: () =>
      withPool(
        {
          slots: overloadSlots,
          stepMs: overloadStepMs,
          coordinatorEnvironment: { POMONA_QUEUE_LENGTH_MAX: String(overloadQueueMax) },
        },
        overload,
      ),
  },
];
