// What the coordinator itself measures. The nodes' own metrics come over NATS and are exported beside these.
import type { ErrorCode } from "@pomona/shared/core/errors";
import type { CheckpointUse, Ending } from "@pomona/shared/core/generation";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type EvictionReason, evictionReasons } from "./core/placement/problem.ts";
import type { ClusterState } from "./core/state.ts";
import { survivesNodeLoss } from "./core/survival.ts";
import { queueDepths } from "./core/views.ts";

const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320];
const errorBuckets = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10];
const tokenBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5];

/** Outcomes of requests: a label of `pomona_requests_total`. */
export type RequestOutcome = "finished" | "cancelled" | "failed" | "expired" | "rejected";

/** What became of a move: a label of `pomona_resumes_total`. */
export type MoveOutcome = "resumed" | "resumed_unequal" | "lost_again" | "ended";

type NodeLabels = { readonly model: ModelName; readonly node: NodeId };

export type ProcessMetricsSources = {
  readonly isActive: () => boolean;
  readonly term: () => number;
  readonly isNatsConnected: () => boolean;
};

/** What a standby tells too. Read at each scrape. */
export class ProcessMetrics {
  readonly registry = new Registry();
  readonly #natsDropped = new Counter({
    name: "pomona_nats_dropped_messages_total",
    help: "Messages from NATS that were not read because their sender sends too many",
    registers: [this.registry],
  });

  constructor({ isActive, term, isNatsConnected }: ProcessMetricsSources) {
    this.#gauge("pomona_coordinator_active", "1 for the active coordinator, 0 for one that stands by", () =>
      Number(isActive()),
    );
    this.#gauge("pomona_coordinator_term", "Grows by one each time that a coordinator becomes active", term);
    this.#gauge("pomona_nats_connected", "1 while the coordinator is connected to NATS", () =>
      Number(isNatsConnected()),
    );
  }

  natsMessageDropped(): void {
    this.#natsDropped.inc();
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.registry], collect: () => gauge.set(read()) });
  }
}

/** Counters and histograms are fed by the loop; gauges are read off the state at each scrape. */
export class CoordinatorMetrics {
  readonly registry = new Registry();
  readonly #requests = this.#counter("pomona_requests_total", "Requests that ended", ["model", "api", "outcome"]);
  readonly #queueSeconds = this.#histogram("pomona_queue_seconds", "Time in the queue before binding", ["model"]);
  readonly #firstToken = this.#histogram(
    "pomona_time_to_first_token_seconds",
    "Time from the arrival of a request to its first token",
    ["model", "node"],
  );
  readonly #predictionError = new Histogram({
    name: "pomona_ttft_prediction_error_ratio",
    help: "How far the predicted time from binding to first token was off, as a share of the real one",
    labelNames: ["model", "node"],
    buckets: errorBuckets,
    registers: [this.registry],
  });
  readonly #interToken = new Histogram({
    name: "pomona_inter_token_latency_seconds",
    help: "Time between two frames of tokens of a stream, divided by the tokens of the later one",
    labelNames: ["model", "node"],
    buckets: tokenBuckets,
    registers: [this.registry],
  });
  readonly #duration = this.#histogram(
    "pomona_request_duration_seconds",
    "Time from the arrival of a request to its ending",
    ["model", "outcome"],
  );
  readonly #promptTokens = this.#counter("pomona_prompt_tokens_total", "Tokens of prompts", ["model", "node"]);
  readonly #generatedTokens = this.#counter("pomona_generated_tokens_total", "Generated tokens", ["model", "node"]);
  readonly #cachedTokens = this.#counter(
    "pomona_prefix_cached_tokens_total",
    "Prompt tokens that a slot already held and that were not evaluated again",
    ["model", "node"],
  );
  readonly #resumes = this.#counter(
    "pomona_resumes_total",
    "Requests that left their node and went back into the queue, by what happened to them",
    ["model", "reason", "outcome"],
  );
  readonly #checkpoints = this.#counter(
    "pomona_checkpoints_total",
    "States of running requests at peers, by what became of them",
    ["model", "outcome"],
  );
  readonly #resumeGap = this.#histogram(
    "pomona_resume_gap_seconds",
    "Time between the last tokens before a move and the first ones after it",
    ["model"],
  );

  readonly #evictions = this.#counter("pomona_evictions_total", "Replicas that had to leave, by why", ["reason"]);

  readonly #modelsOfNode = new Map<NodeId, Set<ModelName>>();

  constructor(state: ClusterState) {
    const registers = [this.registry];
    for (const reason of evictionReasons) this.#evictions.inc({ reason }, 0);
    const queueDepth = new Gauge({
      name: "pomona_queue_depth",
      help: "Requests that wait for a slot",
      labelNames: ["model"],
      registers,
      collect: () => {
        queueDepth.reset();
        for (const [model, depth] of queueDepths(state)) queueDepth.set({ model }, depth);
      },
    });
    const nodeUp = new Gauge({
      name: "pomona_node_up",
      help: "1 for a node that sends heartbeats, 0 for a lost one until it is forgotten",
      labelNames: ["node"],
      registers,
      collect: () => {
        nodeUp.reset();
        for (const { nodeId, state: life } of state.members.values())
          nodeUp.set({ node: nodeId }, life === "dead" ? 0 : 1);
      },
    });
    const ejected = new Gauge({
      name: "pomona_node_ejected",
      help: "1 while a node gets no work because it lost, delayed or garbled what it had",
      labelNames: ["node"],
      registers,
      collect: () => {
        ejected.reset();
        for (const { nodeId, isEjected } of state.members.values()) ejected.set({ node: nodeId }, Number(isEjected));
      },
    });
    const survives = new Gauge({
      name: "pomona_model_survives_node_loss",
      help: "1 when any one node may die and the model still answers",
      labelNames: ["model"],
      registers,
      collect: () => {
        survives.reset();
        for (const deployment of state.deployments.values())
          survives.set({ model: deployment.model }, survivesNodeLoss(state, deployment) ? 1 : 0);
      },
    });
    const dropped = new Counter({
      name: "pomona_dropped_frames_total",
      help: "Frames of old attempts, of unknown requests or out of order, and figures in heartbeats that cannot be",
      labelNames: ["reason"],
      registers,
      collect: () => {
        dropped.reset();
        dropped.inc({ reason: "old_epoch" }, state.dropped.oldEpoch);
        dropped.inc({ reason: "unknown_request" }, state.dropped.unknownRequest);
        dropped.inc({ reason: "broken_order" }, state.dropped.brokenOrder);
        dropped.inc({ reason: "odd_report" }, state.dropped.oddReports);
      },
    });
  }

  /** A request that ended before it was queued. */
  refused(labels: { readonly model: ModelName; readonly api: string }, outcome: RequestOutcome): void {
    this.#requests.inc({ ...labels, outcome });
  }

  firstToken(labels: NodeLabels, seconds: number): void {
    this.#firstToken.observe(labels, seconds);
  }

  /** The first token of an attempt came. */
  predicted(
    labels: NodeLabels,
    { predictedMs, realMs }: { readonly predictedMs: number; readonly realMs: number },
  ): void {
    if (realMs > 0) this.#predictionError.observe(labels, Math.abs(predictedMs - realMs) / realMs);
  }

  tokens(labels: NodeLabels, count: number): void {
    this.#generatedTokens.inc(labels, count);
  }

  interToken(labels: NodeLabels, seconds: number): void {
    this.#interToken.observe(labels, seconds);
  }

  bound(labels: NodeLabels, queueMs: number): void {
    this.#noteModel(labels);
    this.#queueSeconds.observe({ model: labels.model }, queueMs / 1000);
  }

  accepted(labels: NodeLabels, promptTokens: number, cached: number): void {
    this.#promptTokens.inc(labels, promptTokens);
    this.#cachedTokens.inc(labels, cached);
  }

  checkpoint(model: ModelName, outcome: "held" | "lost" | CheckpointUse): void {
    this.#checkpoints.inc({ model, outcome });
  }

  /** A request for vectors or relevance ended. */
  pooled(labels: { readonly model: ModelName; readonly api: string }, outcome: RequestOutcome, seconds: number): void {
    this.#requests.inc({ ...labels, outcome });
    this.#duration.observe({ model: labels.model, outcome }, seconds);
  }

  /** A node has evaluated inputs for vectors or relevance. */
  evaluated(labels: NodeLabels, tokens: number): void {
    this.#noteModel(labels);
    this.#promptTokens.inc(labels, tokens);
  }

  moved(model: ModelName, { reason, outcome }: { readonly reason: string; readonly outcome: MoveOutcome }): void {
    this.#resumes.inc({ model, reason, outcome });
  }

  resumedAfter(model: ModelName, seconds: number): void {
    this.#resumeGap.observe({ model }, seconds);
  }

  evicted(reason: EvictionReason): void {
    this.#evictions.inc({ reason });
  }

  /** Drops the series of a node that was taken off the list, or they would grow with every node that ever was. */
  forgetNode(node: NodeId): void {
    const perNode = [
      this.#firstToken,
      this.#predictionError,
      this.#interToken,
      this.#promptTokens,
      this.#generatedTokens,
      this.#cachedTokens,
    ] as const;
    for (const model of this.#modelsOfNode.get(node) ?? [])
      for (const metric of perNode) metric.remove({ model, node });
    this.#modelsOfNode.delete(node);
  }

  ended(labels: { readonly model: ModelName; readonly api: string }, ending: Ending, seconds: number): void {
    const outcome = outcomeOf(ending);
    this.#requests.inc({ ...labels, outcome });
    this.#duration.observe({ model: labels.model, outcome }, seconds);
  }

  #noteModel({ node, model }: NodeLabels): void {
    const models = this.#modelsOfNode.get(node) ?? new Set();
    this.#modelsOfNode.set(node, models.add(model));
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, labelNames: Label[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets: secondsBuckets, registers: [this.registry] });
  }
}

function outcomeOf(ending: Ending): RequestOutcome {
  switch (ending.reason) {
    case "stop":
    case "length":
      return "finished";
    case "cancelled":
    case "failed":
    case "expired":
      return ending.reason;
  }
}

/** How a request that an error kept out of the queue is counted. */
export function outcomeOfError(code: ErrorCode): RequestOutcome {
  switch (code) {
    case "cancelled":
      return "cancelled";
    case "deadline_exceeded":
      return "expired";
    case "node_lost":
    case "engine_crashed":
    case "internal":
      return "failed";
    default:
      return "rejected";
  }
}
