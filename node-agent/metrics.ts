// What a node measures of itself. It travels over NATS; the coordinator adds the `node` label.
import type { AttemptFrame } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import { heldBytes, totalBytes } from "@pomona/shared/core/replica-memory";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { DeathReason } from "./core/engine-death.ts";
import { budgetOf, currentBudget, freeBudget, holders } from "./core/state.ts";
import type { TransferCount } from "./model-store/transfer-limiter.ts";
import type { NodeAgent } from "./node-agent.ts";

const pressureLevels = { unknown: -1, normal: 0, warning: 1, critical: 2 } as const;
const ownerLevels = { unknown: -1, away: 0, active: 1 } as const;
const thermalLevels = { unknown: -1, nominal: 0, fair: 1, serious: 2, critical: 3 } as const;

/** Counters are fed by the loop; gauges are read off the node-agent at each report. */
export class NodeMetrics {
  readonly registry = new Registry();
  readonly #loadSeconds = new Histogram({
    name: "pomona_model_load_seconds",
    help: "Time from the request to load a replica until it was ready",
    labelNames: ["model"],
    buckets: [0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320],
    registers: [this.registry],
  });
  readonly #prefillTokens = new Counter({
    name: "pomona_node_prefill_tokens_total",
    help: "Prompt tokens that this node evaluated",
    labelNames: ["model"],
    registers: [this.registry],
  });
  readonly #decodedTokens = new Counter({
    name: "pomona_node_decoded_tokens_total",
    help: "Tokens that this node generated",
    labelNames: ["model"],
    registers: [this.registry],
  });

  readonly #engineDeaths = new Counter({
    name: "pomona_engine_deaths_total",
    help: "Engine processes that died without being asked to, by the signal or kind of exit",
    labelNames: ["model", "reason"],
    registers: [this.registry],
  });

  readonly #transferBytes = new Counter({
    name: "pomona_model_transfer_bytes_total",
    help: "Bytes of model files that came or went, from or to nodes or sources",
    labelNames: ["direction", "peer"],
    registers: [this.registry],
  });

  transferred(bytes: number, { direction, peer }: TransferCount): void {
    this.#transferBytes.inc({ direction, peer }, bytes);
  }

  engineDied(model: string, reason: DeathReason): void {
    this.#engineDeaths.inc({ model, reason });
  }

  loaded(model: string, loadMs: number): void {
    this.#loadSeconds.observe({ model }, loadMs / 1000);
  }

  frame(model: string, frame: AttemptFrame): void {
    if (frame.kind === "prefill") this.#prefillTokens.inc({ model }, frame.chunkLength);
    if (frame.kind === "tokens") this.#decodedTokens.inc({ model }, frame.ids.length);
  }

  /** Adds the gauges that are read off a node-agent. */
  observe(agent: NodeAgent, memoryBytes: number): void {
    this.#observeMemory(agent, memoryBytes);
    this.#observeMachine(agent);
    const registers = [this.registry];
    const store = new Gauge({
      name: "pomona_model_store_bytes",
      help: "Disk that holds the model store: all of it, what is free, and what whole model files take",
      labelNames: ["kind"],
      registers,
      collect: () => {
        const { diskBytes, diskFreeBytes } = agent.disk;
        store.set({ kind: "disk" }, diskBytes);
        store.set({ kind: "free" }, diskFreeBytes);
        store.set({ kind: "files" }, agent.storedBytes);
      },
    });
    const slots = new Gauge({
      name: "pomona_node_slots",
      help: "Slots of ready replicas, by whether a request holds them",
      labelNames: ["model", "state"],
      registers,
      collect: () => {
        slots.reset();
        for (const replica of agent.replicas()) {
          if (replica.state !== "ready") continue;
          slots.inc({ model: replica.model, state: "busy" }, replica.running.length);
          slots.inc({ model: replica.model, state: "idle" }, replica.slots - replica.running.length);
        }
      },
    });
    const replicas = new Gauge({
      name: "pomona_replicas",
      help: "Replicas by state",
      labelNames: ["model", "state"],
      registers,
      collect: () => {
        replicas.reset();
        for (const { model, state } of agent.replicas()) replicas.inc({ model, state });
      },
    });
  }

  /** Adds what is held for other nodes. */
  observeStates(states: { readonly heldBytes: number }): void {
    const held: Gauge = new Gauge({
      name: "pomona_node_checkpoint_bytes",
      help: "KV states that this node holds for requests that run on others",
      registers: [this.registry],
      collect: () => {
        held.set(states.heldBytes);
      },
    });
  }

  #observeMemory(agent: NodeAgent, memoryBytes: number): void {
    const registers = [this.registry];
    const memory = new Gauge({
      name: "pomona_node_memory_bytes",
      help: "Memory of the machine, the budget of models, what replicas have reserved of it, and what other programs hold",
      labelNames: ["kind"],
      registers,
      collect: () => {
        for (const [kind, bytes] of Object.entries(memoryParts(agent, memoryBytes))) memory.set({ kind }, bytes);
      },
    });
    const error = new Gauge({
      name: "pomona_model_memory_error_ratio",
      help: "Memory reserved for a replica over what its process has in memory, less 1; of several the lowest",
      labelNames: ["model"],
      registers,
      collect: () => {
        error.reset();
        for (const [model, ratio] of memoryErrors(agent)) error.set({ model }, ratio);
      },
    });
    const pressure: Gauge = new Gauge({
      name: "pomona_node_memory_pressure",
      help: "How short of memory the system is: 0 normal, 1 warning, 2 critical, -1 unknown",
      registers,
      collect: () => {
        pressure.set(pressureLevels[agent.state.pressure]);
      },
    });
    const owner: Gauge = new Gauge({
      name: "pomona_node_owner_active",
      help: "Whether somebody uses the machine and models make way: 1 yes, 0 no, -1 unknown or not asked",
      registers,
      collect: () => {
        owner.set(ownerLevels[agent.state.owner]);
      },
    });
  }

  #observeMachine(agent: NodeAgent): void {
    const registers = [this.registry];
    const thermal: Gauge = new Gauge({
      name: "pomona_node_thermal_state",
      help: "0 nominal, 1 fair, 2 serious, 3 critical, -1 unknown",
      registers,
      collect: () => {
        thermal.set(thermalLevels[agent.conditions.thermalState]);
      },
    });
    const power = new Gauge({
      name: "pomona_node_power_watts",
      help: "Power that the machine draws; absent when it does not tell",
      registers,
      // A labelled gauge without a sample is absent; one without labels would say 0.
      labelNames: ["source"],
      collect: () => {
        power.reset();
        const { source, watts } = agent.conditions.power;
        if (watts !== null) power.set({ source }, watts);
      },
    });
  }
}

/** Below 0 a replica has more than was reserved for it. */
function memoryErrors({ state }: NodeAgent): Map<ModelName, number> {
  const errors = new Map<ModelName, number>();
  for (const { spec, state: is, memory, residentBytes } of state.replicas.values()) {
    if (is !== "ready" || residentBytes === 0) continue;
    const error = totalBytes(memory) / residentBytes - 1;
    errors.set(spec.model, Math.min(errors.get(spec.model) ?? error, error));
  }
  return errors;
}

function memoryParts(agent: NodeAgent, memoryBytes: number): Record<string, number> {
  const held = holders(agent.state);
  const sum = (part: (replica: (typeof held)[number]) => number): number =>
    held.reduce((total, replica) => total + part(replica), 0);
  const used = heldBytes(held.map(({ memory }) => memory));
  return {
    total: memoryBytes,
    budget: currentBudget(agent.state),
    // What is left: pages that replicas have in common count once.
    weights: used - sum(({ memory }) => memory.kvBytes + memory.computeBytes + memory.processBytes),
    kv: sum(({ memory }) => memory.kvBytes),
    compute: sum(({ memory }) => memory.computeBytes),
    used,
    free: freeBudget(agent.state),
    missing: budgetOf(agent.state).missingBytes,
  };
}
