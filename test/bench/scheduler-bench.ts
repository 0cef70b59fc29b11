// What a planning pass costs: one event of the real core after which several slots are free while 200 requests wait.
// npm run -s bench:scheduler -- [--rounds 300] [--json]
import { parseArgs } from "node:util";
import { type CoreConfig, defaultCoreConfig } from "@pomona/coordinator/core/core-config";
import type { Effect } from "@pomona/coordinator/core/effect";
import type { ClusterEvent } from "@pomona/coordinator/core/event";
import { emptyState } from "@pomona/coordinator/core/state";
import { step } from "@pomona/coordinator/core/step";
import { failureOf, recordOf, replicaOf, requestOf, statusOf, tokens } from "@pomona/coordinator/core/test-pool";
import { expectedSpeed } from "@pomona/shared/core/chip-speeds";
import { prefixBlockLength } from "@pomona/shared/core/prefix-hash";

const options = parseArgs({
  options: { rounds: { type: "string", default: "300" }, json: { type: "boolean", default: false } },
}).values;
const rounds = Number(options.rounds);
/** Not counted: until the code is compiled. */
const warmUpRounds = 50;

/** Prompts that each replica evaluates before the measurement. */
const turnsMax = 8;
const slotsPerNode = 4;
const queued = 200;
/** Slots that are free at once, each on a node of its own. */
const idleSlots = 8;
const contextLength = 8192;
const blocks = 16;
const chips = ["Apple M3 Ultra", "Apple M4 Max", "Apple M2 Max", "Apple M4 Pro", "Apple M2 Pro"];
const config: CoreConfig = {
  ...defaultCoreConfig,
  heartbeatIntervalMs: 1e9,
  prefillProgressMs: 1e12,
  decodeProgressMs: 1e12,
  scheduler: { ...defaultCoreConfig.scheduler, lateMaxMs: Number.POSITIVE_INFINITY },
};

class Pool {
  readonly #state = emptyState();
  readonly #nodes: readonly string[];
  #nowMs = 1000;
  #requests = 0;
  /** Where each request is bound, and in which epoch. */
  readonly #bound = new Map<string, { readonly nodeId: string; readonly epoch: number }>();

  constructor(nodeCount: number) {
    this.#nodes = Array.from({ length: nodeCount }, (_, index) => `node-${String(index).padStart(4, "0")}`);
    this.#take({ kind: "deploymentSet", record: recordOf({ slots: slotsPerNode, contextLength }) });
    for (const [index, nodeId] of this.#nodes.entries()) this.#join(nodeId, chips[index % chips.length] ?? "");
    for (let count = 0; count < nodeCount * slotsPerNode + queued; count += 1) this.#arrive();
    // A replica evaluates one prompt at a time: every first token lets the next one in.
    // Whoever waits for a better one long enough takes what there is.
    for (let turns = 0; turns < turnsMax && this.waiting > queued; turns += 1) {
      this.#evaluateAll();
      this.#nowMs += config.scheduler.holdMaxMs / turnsMax;
      this.#take({ kind: "tick" });
    }
  }

  /** Frees a slot on each of `count` nodes at once. Returns milliseconds of the pass that fills them, and how many it fills. */
  round(count: number): { readonly ms: number; readonly filled: number } {
    const first = Math.floor(Math.random() * this.#nodes.length);
    const chosen = new Set(
      Array.from({ length: count }, (_, index) => this.#nodes[(first + index) % this.#nodes.length]),
    );
    for (const [requestId, { nodeId, epoch }] of [...this.#bound]) {
      if (!chosen.delete(nodeId)) continue;
      this.#bound.delete(requestId);
      // The node refuses for want of a slot: the request waits again, and the node is asked nothing for a moment.
      this.#take({ kind: "attemptFailed", requestId, epoch, failure: failureOf("slots_full") });
    }
    this.#nowMs += config.avoidAfterRefusalMs;
    const startedAtMs = performance.now();
    const effects = step({ kind: "tick" }, this.#context());
    const ms = performance.now() - startedAtMs;
    this.#note(effects);
    this.#evaluateAll();
    return { ms, filled: effects.filter(({ kind }) => kind === "startAttempt").length };
  }

  get waiting(): number {
    return this.#state.queue.length;
  }

  #context(): { state: ReturnType<typeof emptyState>; nowMs: number; config: CoreConfig } {
    return { state: this.#state, nowMs: this.#nowMs, config };
  }

  #take(event: ClusterEvent): void {
    this.#note(step(event, this.#context()));
  }

  #note(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== "startAttempt") continue;
      this.#bound.set(effect.attempt.requestId, { nodeId: effect.nodeId, epoch: effect.attempt.epoch });
    }
  }

  #join(nodeId: string, chip: string): void {
    const memory = { weightsBytes: 20e9, kvBytes: 8e9, computeBytes: 0, processBytes: 0 };
    const speed = expectedSpeed({ chip, gpu: "metal", weightsBytes: 20e9, kvBytesPerToken: 262_144 });
    const replica = replicaOf(`r-${nodeId}`, { slots: slotsPerNode, contextLength, memory, speed });
    this.#take({ kind: "heartbeat", status: statusOf(nodeId, { replicas: [replica] }), address: `${nodeId}:1` });
    this.#take({ kind: "linkUp", nodeId });
  }

  /** Conversations of up to four turns: of every fourth prompt most is held somewhere. */
  #arrive(): void {
    const conversation = Math.floor(this.#requests / 4);
    const turn = this.#requests % 4;
    const promptTokenIds = Array.from(
      { length: prefixBlockLength * (blocks - 3 + turn) + 7 * turn },
      (_, at) => at * 31 + conversation,
    );
    const requestId = `q${this.#requests}`;
    this.#requests += 1;
    this.#nowMs += 1;
    const request = requestOf(requestId, this.#nowMs, {
      promptTokenIds,
      deadlineMs: 1e12,
      tenant: `t${conversation % 8}`,
    });
    this.#take({ kind: "requestArrived", request: { ...request, decoding: { ...request.decoding, maxTokens: 1e6 } } });
  }

  /** Every prompt that is in a slot is evaluated, and has one more token. */
  #evaluateAll(): void {
    for (const [requestId, { epoch }] of [...this.#bound]) {
      const record = this.#state.requests.get(requestId);
      if (record?.place.kind !== "bound" || record.place.prefillLeft === 0) continue;
      this.#take({ kind: "frame", requestId, epoch, frame: tokens(record.emittedTokenIds.length, [1]) });
    }
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const results = [20, 200].map((nodes) => {
  const pool = new Pool(nodes);
  const measured = Array.from({ length: warmUpRounds + rounds }, () => pool.round(idleSlots)).slice(warmUpRounds);
  const times = measured.map(({ ms }) => ms).sort((a, b) => a - b);
  const filled = measured.reduce((sum, round) => sum + round.filled, 0) / measured.length;
  return {
    nodes,
    slotsPerNode,
    queued: pool.waiting,
    idleSlots,
    filled,
    medianMs: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
});
if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`);
else
  for (const { nodes, queued: waiting, filled, medianMs, p99Ms } of results)
    process.stdout.write(
      `${nodes} nodes x ${slotsPerNode} slots, ${waiting} queued, ${idleSlots} slots free, ${filled.toFixed(1)} filled: median ${medianMs.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms\n`,
    );
