// The waits in a pool of one slot are those of queueing theory (Pollaczek-Khinchine).
import assert from "node:assert/strict";
import { test } from "node:test";
import { leastConnections } from "../baselines/least-connections.ts";
import { type MachineProfile, prefillSeconds, referenceMachine } from "../engine/machine-profile.ts";
import { seededRandom } from "../random.ts";
import { VirtualTime } from "../virtual-time.ts";
import { BaselinePool } from "./baseline-pool.ts";
import { fittingModel } from "./pool.ts";
import { RequestLog } from "./request-log.ts";

const requests = 60_000;
const meanTokens = 1024;
/** One slot whose service is proportional to the prompt's length. */
const machine: MachineProfile = { ...referenceMachine, slots: 1, contextSlowdownTokens: Number.POSITIVE_INFINITY };
const serviceSeconds = prefillSeconds(machine, { tokens: meanTokens, contextTokens: 0 });

/** Mean wait in seconds under Poisson arrivals at a share of the capacity. */
function meanWait(load: number, lengthOf: (draw: number) => number): number {
  const random = seededRandom(42);
  const time = new VirtualTime();
  const log = new RequestLog();
  const models = [fittingModel("m")];
  const pool = new BaselinePool(leastConnections, random, {
    time,
    machines: [machine],
    models,
    fixed: null,
    savedStates: 0,
    log,
    dropsLate: false,
  });
  const arrive = (): boolean => {
    const promptTokens = lengthOf(random.next());
    pool.submit({ atMs: 0, model: "m", tenant: "", conversation: 0, promptTokens, outputTokens: 1, blocks: [] });
    const gapSeconds = (-Math.log(1 - random.next()) * serviceSeconds) / load;
    if (log.requests.length < requests) time.after(1000 * gapSeconds, arrive);
    return true;
  };
  arrive();
  time.runUntil(Number.POSITIVE_INFINITY, () => false);
  const waits = log.requests.map(({ request, arrivedAtMs, endedAtMs }) => {
    const service = prefillSeconds(machine, { tokens: request.promptTokens, contextTokens: 0 });
    return ((endedAtMs ?? 0) - arrivedAtMs) / 1000 - service;
  });
  return waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
}

for (const load of [0.3, 0.5, 0.7, 0.8]) {
  test(`waits of M/D/1 at ${load} are within 10 % of Pollaczek-Khinchine`, () => {
    const expected = (load * serviceSeconds) / (2 * (1 - load));
    const ratio = meanWait(load, () => meanTokens) / expected;
    assert.ok(Math.abs(ratio - 1) < 0.1, `ratio ${ratio}`);
  });

  test(`waits of M/M/1 at ${load} are within 10 % of Pollaczek-Khinchine`, () => {
    const expected = (load * serviceSeconds) / (1 - load);
    const ratio = meanWait(load, (draw) => Math.max(1, Math.round(-Math.log(1 - draw) * meanTokens))) / expected;
    assert.ok(Math.abs(ratio - 1) < 0.1, `ratio ${ratio}`);
  });
}
