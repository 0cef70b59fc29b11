// Engines that die below a living node-agent.
import { setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../support/wait-for.ts";
import type { ChaosNode } from "../chaos-node.ts";
import { Load } from "../load.ts";
import type { ChaosPool } from "../pool.ts";
import { poisonMark, promptOf } from "../prompts.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
/** The real engine knows no pace: of few streams each is longer, or they would be over before the fault. */
const realEngineTokens = 20_000;

type Decoding = { readonly node: ChaosNode; readonly pid: number; readonly streams: number };

/** A node whose engine makes text, whichever it is: the coordinator may leave one out. null where none does. */
async function decodingNode(pool: ChaosPool, load: Load): Promise<Decoding | null> {
  for (const node of pool.nodes) {
    if (!load.streams.some(({ nodes, text }) => nodes.includes(node.id) && text.length > 0)) continue;
    const [replica] = await node.replicas();
    const streams = await node.runningAttempts();
    if (replica !== undefined && streams > 0) return { node, pid: replica.pid, streams };
  }
  return null;
}

async function crashOne(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  // Engines as fast as they can be would take the cores from the processes whose times are measured.
  for (const { pid } of (await Promise.all(pool.nodes.map((node) => node.replicas()))).flat()) setPriority(pid, 19);
  const load = Load.start(pool, "engine crash", {
    ...settings,
    tokens: Math.round(realEngineTokens / settings.streams),
  });
  const found: Decoding[] = [];
  const isDecoding = async (): Promise<boolean> => {
    const node = await decodingNode(pool, load);
    if (node !== null) found.push(node);
    return node !== null;
  };
  await waitFor(isDecoding, 20_000, "text from a node");
  const [first] = found;
  if (first === undefined) throw new Error("no node makes text");
  const { node: victim, pid: killedPid, streams: hit } = first;
  const killedAtMs = performance.now();
  process.kill(killedPid, "SIGKILL");
  const isBack = async (): Promise<boolean> =>
    (await victim.replicas()).some(({ state, pid }) => state === "REPLICA_STATE_READY" && pid !== killedPid);
  const backAtMs = await waitFor(isBack, 20_000, "the engine is back").then(
    () => performance.now(),
    () => Number.POSITIVE_INFINITY,
  );
  const summary = await load.finish(loadDeadlineMs);
  const moves = await pool.moves();
  notes.must(!victim.process.isGone, "the node-agent lives");
  notes.must(
    hit > 0 && moves > 0,
    `its engine was killed with ${hit} streams on it, ${moves} moved: ${pool.events.moveReasons()}`,
  );
  notes.mustBeExact(summary);
  notes.time("engine ready again", backAtMs - killedAtMs, 2000);
  notes.time("longest gap", summary.longestGapMs, 500);
  notes.time("p99 gap", summary.p99GapMs, 300);
  return notes.outcome(summary, moves);
}

/** Asks for an answer in one piece; tells its status and the code of its error. */
async function askWhole({ http, model }: ChaosPool, prompt: string): Promise<string> {
  const response = await fetch(`${http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, prompt, max_tokens: 20, temperature: 0 }),
    signal: AbortSignal.timeout(loadDeadlineMs),
  });
  // OpenAI's shape of an error.
  const { error } = (await response.json()) as { readonly error?: { readonly code?: string } };
  return `${response.status} ${error?.code ?? "an answer"}`;
}

async function poison(pool: ChaosPool, settings: RowSettings): Promise<RowOutcome> {
  const notes = new RowNotes();
  const load = Load.start(pool, "others", settings);
  await load.allPast(20);
  const told = await askWhole(pool, `${poisonMark}${promptOf("poison", 0)}`);
  const summary = await load.finish(loadDeadlineMs);
  // Nodes send their metrics every five seconds.
  await sleep(6000);
  const deaths = await pool.metric("pomona_engine_deaths_total");
  notes.must(deaths > 0, `engines died: ${deaths}`);
  notes.mustBeExact(summary);
  notes.must(told === "500 engine_crashed", `the request itself got ${told}`);
  notes.figure({ name: "deaths of engines", measured: deaths, limit: 2, unit: "" });
  await pool.settled(20_000).then(
    () => notes.fact("all three nodes are ready again"),
    () => notes.must(false, "all three nodes are ready again within 20 s"),
  );
  return notes.outcome(summary, await pool.moves());
}

export const engineRows: readonly Row[] = [
  {
    number: 9,
    title: "an engine's process is killed, its agent lives",
    run: (settings) => withPool({ engine: "llama" }, (pool) => crashOne(pool, settings)),
  },
  {
    number: 10,
    title: "a request that kills every engine",
    run: (settings) => withPool({}, (pool) => poison(pool, settings)),
  },
];
