// Clients that go away, and clients that never say what they want.
import { connect, type Socket } from "node:net";
import { waitFor } from "../../support/wait-for.ts";
import { Load } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const abortedAtOnce = 200;
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
  const leaving = Load.start(pool, "leaving", { streams: abortedAtOnce, tokens: 1000 });
  const places = pool.nodes.length * 25;
  const hasBegun = (): boolean => leaving.streams.filter(({ tokens }) => tokens > 0).length >= places;
  await waitFor(hasBegun, 30_000, "every slot is taken");
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
  notes.must(running === places && waiting > 0, `${running} attempts ran and ${waiting} waited when all clients left`);
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

export const clientRows: readonly Row[] = [
  {
    number: 27,
    title: "200 clients leave at once, 20 send half a request",
    run: (settings) => withPool({}, (pool) => aborts(pool, settings)),
  },
];
