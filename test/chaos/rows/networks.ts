// Faults between hosts: lines that are cut in one direction or both, and multicast DNS that lies.
import { setTimeout as sleep } from "node:timers/promises";
import { startMdnsPeer } from "../../support/start-mdns-peer.ts";
import { waitFor } from "../../support/wait-for.ts";
import { Load, summaryOf } from "../load.ts";
import { onHosts } from "../on-hosts.ts";
import { type Cut, cutOff, type HostLine, heal, isReachable, setMulticast } from "../partition.ts";
import type { ChaosPool } from "../pool.ts";
import { type Row, RowNotes, type RowOutcome, type RowSettings } from "../row.ts";
import { withPool } from "./with-pool.ts";

const loadDeadlineMs = 60_000;
const cutMs = 3000;
const cuts: readonly Cut[] = ["sends and receives nothing", "sends nothing", "receives nothing"];

async function partitions(pool: ChaosPool, settings: RowSettings, hosts: readonly HostLine[]): Promise<RowOutcome> {
  const notes = new RowNotes();
  const [loads, gaps, backs]: [Load[], number[], number[]] = [[], [], []];
  const [victim, home, line] = [pool.node(0), hosts[0], hosts[1]];
  if (home === undefined || line === undefined) throw new Error("the pool has no second host");
  for (const cut of cuts) {
    const load = Load.start(pool, cut, { ...settings, tokens: 1.5 * settings.tokens });
    loads.push(load);
    await load.allPast(20);
    const hit = load.runningOn(victim.id).length;
    await cutOff(line, home, cut);
    const isCut = !(await isReachable(victim.process.ready.grpc));
    await sleep(cutMs);
    const running = load.streams.filter(({ isEnded }) => !isEnded).length;
    await heal(line, home, cut);
    const healedAtMs = performance.now();
    const back = pool.settled(20_000).then(
      () => performance.now() - healedAtMs,
      () => Number.POSITIVE_INFINITY,
    );
    const summary = await load.finish(loadDeadlineMs);
    backs.push(await back);
    gaps.push(summary.longestGapMs);
    notes.must(
      hit > 0 && isCut && running > 0,
      `a node ${cut} for ${cutMs / 1000} s: ${hit} streams on it, no connection to it`,
    );
    await waitFor(async () => (await pool.runningAttempts()) === 0, 10_000, "no attempts").catch(() => undefined);
    notes.must((await pool.runningAttempts()) === 0, "no attempt is left over");
  }
  const summary = summaryOf(loads.flatMap(({ streams }) => streams));
  notes.mustBeExact(summary);
  cuts.forEach((cut, index) => {
    notes.time(`longest gap, ${cut}`, gaps[index] ?? Number.NaN, 1500);
    notes.time(`back in the pool, ${cut}`, backs[index] ?? Number.NaN, 2000);
  });
  return notes.outcome(summary, await pool.moves());
}

/** Says that a node is somewhere else, and then that it is gone. */
async function forgeGoodbye(pool: ChaosPool, host: HostLine): Promise<void> {
  const [{ id }, cluster] = [pool.node(0), await pool.cluster()];
  const txt = { v: "1", id, cluster, mem: "1", budget: "1", free: "1", chip: "forged", gpu: "cpu", grpc: "9" };
  const timing = { queryMinMs: 500, queryMaxMs: 1000, rescanMs: 500 };
  const record = { name: id, type: "pomona-node", port: 9, txt };
  const forger = startMdnsPeer({ host: host.address, record, ...timing }, host.prefix);
  await waitFor(() => forger.services.size >= 3, 20_000, "the forger sees the nodes");
  await sleep(1000);
  await forger.stop();
}

async function lyingMdns(pool: ChaosPool, settings: RowSettings, hosts: readonly HostLine[]): Promise<RowOutcome> {
  const notes = new RowNotes();
  const forger = hosts.at(-1);
  if (forger === undefined) throw new Error("the pool has no host for the forger");
  const load = Load.start(pool, "lying", { ...settings, tokens: 2 * settings.tokens });
  await load.allPast(20);
  await forgeGoodbye(pool, forger);
  const summary = await load.finish(loadDeadlineMs);
  notes.fact("a stranger announced the id of a node with another address, and said goodbye in its name");
  // Multicast is off from here on: nothing that is announced arrives.
  for (const host of hosts.slice(1)) await setMulticast(host, false);
  const after = Load.start(pool, "off", { ...settings, tokens: 2 * settings.tokens });
  const afterwards = await after.finish(loadDeadlineMs);
  const ejections = pool.events.list.filter(
    ({ kind, text }) => kind === "memberChanged" && / was alive and is /.test(text),
  );
  notes.mustBeExact(summary);
  notes.mustBeExact(afterwards);
  notes.must((await pool.readyNodes()) === 3, "three nodes are ready without multicast");
  notes.figure({ name: "ejections", measured: ejections.length, limit: 0, unit: "" });
  return notes.outcome(summaryOf([...load.streams, ...after.streams]), await pool.moves());
}

export const networkRows: readonly Row[] = [
  {
    number: 4,
    title: "a node is cut off, both ways, then one way, then the other",
    run: (settings) =>
      onHosts({ number: 4, hosts: 4 }, settings, (hosts) =>
        withPool({ hosts }, (pool) => partitions(pool, settings, hosts)),
      ),
  },
  {
    number: 17,
    title: "multicast DNS: a forged goodbye, then none at all",
    run: (settings) =>
      onHosts({ number: 17, hosts: 5 }, settings, (hosts) =>
        withPool({ hosts, usesMdns: true }, (pool) => lyingMdns(pool, settings, hosts)),
      ),
  },
];
