// The coordinator's side of each node: one gRPC client, its status watched all the time, and the calls that effects ask for.
import { setMaxListeners } from "node:events";
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import { pomona } from "@pomona/proto/load";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { type Attempt, failureOf, type GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId, ReplicaId } from "@pomona/shared/core/ids";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import { callUnary, createNodeClient, readStream } from "@pomona/shared/grpc/client";
import type { TermSource } from "@pomona/shared/grpc/coordinator-term";
import { modelFileToWire } from "@pomona/shared/grpc/wire-files";
import { answerFormFromWire, tokenizeInputToWire } from "@pomona/shared/grpc/wire-prompt";
import { nodeStatusFromWire, replicaSpecToWire, replicaStatusFromWire } from "@pomona/shared/grpc/wire-status";
import { systemClock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import { jittered, pause } from "@pomona/shared/runtime/pause";
import { noteRoundTrip } from "../core/attach-patience.ts";
import type { EffectOf } from "../core/effect.ts";
import type { ClusterEvent } from "../core/event.ts";
import type { InspectionOutcome } from "../core/model-sources.ts";
import type { EmbedInput } from "../core/pooled-request.ts";
import type { Embedded, PooledCall, Ranked } from "../pooled-calls.ts";
import type { TokenizeCall, TokenizedPrompt } from "../tokenizer.ts";
import { AttemptCalls } from "./attempt-calls.ts";
import { inspectionFromWire } from "./inspection.ts";
import { StateCalls } from "./state-calls.ts";

/** A big model on a slow disk: 500 GB at 0.5 GB/s and room. */
const loadTimeoutMs = 30 * 60_000;
const unloadTimeoutMs = 10_000;
/** Headers of a model in many parts, from a slow host. */
const inspectTimeoutMs = 60_000;
const reconnectMinMs = 200;
const reconnectMaxMs = 2000;

type Link = {
  readonly address: string;
  client: NodeClient;
  readonly closed: AbortController;
  /** See `noteRoundTrip`. */
  roundTripMs: number | null;
};

type Dependencies = {
  readonly log: Logger;
  readonly onEvent: (event: ClusterEvent) => void;
  /** Of the coordinator's lease: nodes are told it with every call. */
  readonly term: TermSource;
};

/** All links of a coordinator. */
export class NodeLinks {
  readonly #log: Logger;
  readonly #onEvent: (event: ClusterEvent) => void;
  readonly #term: TermSource;
  readonly #links = new Map<NodeId, Link>();
  readonly #attempts: AttemptCalls;
  readonly #states: StateCalls;
  readonly #probes = new Map<string, AbortController>();
  readonly #pulls = new Map<string, AbortController>();

  constructor(dependencies: Dependencies) {
    this.#log = dependencies.log;
    this.#onEvent = dependencies.onEvent;
    this.#term = dependencies.term;
    this.#attempts = new AttemptCalls({
      onEvent: this.#onEvent,
      clientOf: (nodeId) => this.#links.get(nodeId)?.client ?? null,
      renewClient: (nodeId, broken) => this.#renewClient(nodeId, broken),
      roundTripMs: (nodeId) => this.#links.get(nodeId)?.roundTripMs ?? null,
      onRoundTrip: (nodeId, tookMs) => noteOf(this.#links.get(nodeId), tookMs),
    });
    this.#states = new StateCalls({ onEvent: this.#onEvent, link: (nodeId) => this.#link(nodeId) });
  }

  holdState(effect: EffectOf<"holdState">): void {
    void this.#states.hold(effect);
  }

  dropState(effect: EffectOf<"dropState">): void {
    this.#states.drop(effect);
  }

  /** Watches a node at an address until `disconnect`. A new address replaces the old link. */
  connect(nodeId: NodeId, address: string): void {
    const known = this.#links.get(nodeId);
    if (known?.address === address) return;
    this.disconnect(nodeId);
    const link = { address, client: this.#clientTo(address), closed: new AbortController(), roundTripMs: null };
    // Every call to the node listens to it.
    setMaxListeners(0, link.closed.signal);
    this.#links.set(nodeId, link);
    void this.#watch(link, { nodeId });
  }

  disconnect(nodeId: NodeId): void {
    const link = this.#links.get(nodeId);
    if (link === undefined) return;
    this.#links.delete(nodeId);
    // The reason is what its calls fail with: a load whose link was replaced says nothing against the model.
    link.closed.abort(new PomonaError("node_lost", `the link to node ${nodeId} at ${link.address} was closed`));
    link.client.close();
  }

  /** Asks an address whose node is not known yet for its status, again and again until it answers or `close`. */
  discover(address: string): void {
    if (this.#probes.has(address) || [...this.#links.values()].some((link) => link.address === address)) return;
    const closed = new AbortController();
    this.#probes.set(address, closed);
    const link = { address, client: this.#clientTo(address), closed, roundTripMs: null };
    void this.#watch(link, { nodeId: null }).finally(() => {
      this.#probes.delete(address);
      link.client.close();
    });
  }

  /** Gives up on an address that was discovered and has not answered. */
  undiscover(address: string): void {
    this.#probes.get(address)?.abort();
  }

  startAttempt(nodeId: NodeId, attempt: Attempt): void {
    this.#attempts.start(nodeId, attempt);
  }

  cancelAttempt({ nodeId, requestId, epoch }: EffectOf<"cancelAttempt">): void {
    this.#attempts.cancel(nodeId, requestId, epoch);
  }

  keepAttempts(effect: EffectOf<"keepAttempts">): void {
    this.#attempts.keep(effect);
  }

  /** `onTaken` is called with the attempt before its frames come as events, and says whether it is wanted. */
  takeUpAttempt(effect: EffectOf<"takeUpAttempt">, onTaken: (attempt: Attempt) => boolean): void {
    this.#attempts.takeUp(effect, onTaken);
  }

  async loadReplica(nodeId: NodeId, replicaId: ReplicaId, spec: ReplicaSpec): Promise<void> {
    try {
      const { client, closed } = this.#link(nodeId);
      const answer = await callUnary(client, pomona.Node.service.LoadReplica, {
        request: { replicaId, spec: replicaSpecToWire(spec) },
        timeoutMs: loadTimeoutMs,
        signal: closed.signal,
      });
      this.#onEvent({ kind: "replicaLoaded", nodeId, replica: replicaStatusFromWire(answer.replica) });
    } catch (thrown) {
      const failure = failureOf(toPomonaError(thrown));
      this.#onEvent({ kind: "loadFailed", nodeId, replicaId, model: spec.model, failure });
    }
  }

  async unloadReplica(nodeId: NodeId, replicaId: ReplicaId): Promise<void> {
    try {
      const { client, closed } = this.#link(nodeId);
      const call = { request: { replicaId }, timeoutMs: unloadTimeoutMs, signal: closed.signal };
      await callUnary(client, pomona.Node.service.UnloadReplica, call);
    } catch (thrown) {
      this.#log.warn({ nodeId, replicaId, code: toPomonaError(thrown).code }, "unloading a replica failed");
    }
  }

  async inspectModel(effect: EffectOf<"inspectModel">): Promise<void> {
    const { nodeId, model, runKey } = effect;
    const closed = this.#links.get(nodeId)?.closed.signal ?? AbortSignal.abort();
    const outcome = await this.askSource(effect, closed);
    this.#onEvent({ kind: "modelInspected", nodeId, model, runKey, outcome });
  }

  /** What a node says of a source. */
  async askSource(
    { nodeId, source, digest, known }: Pick<EffectOf<"inspectModel">, "nodeId" | "source" | "digest" | "known">,
    signal: AbortSignal,
  ): Promise<InspectionOutcome> {
    try {
      const answer = await callUnary(this.#link(nodeId).client, pomona.Node.service.InspectModel, {
        request: { source, digest: digest ?? "", known: known.map(modelFileToWire) },
        timeoutMs: inspectTimeoutMs,
        signal,
      });
      return { kind: "found", inspection: inspectionFromWire(answer) };
    } catch (thrown) {
      return { kind: "failed", failure: failureOf(toPomonaError(thrown)) };
    }
  }

  /** Lasts as long as the transfer; heartbeats tell how far it is. */
  async pullModel({ nodeId, model, runKey, files, source, peers }: EffectOf<"pullModel">): Promise<void> {
    let failure: GenerationFailure | null = null;
    const key = pullKey(nodeId, runKey);
    const cancelled = new AbortController();
    this.#pulls.set(key, cancelled);
    try {
      const { client, closed } = this.#link(nodeId);
      await readStream(client, pomona.Node.service.PullModel, {
        request: { files: files.map(modelFileToWire), source, peers: [...peers] },
        timeoutMs: null,
        signal: AbortSignal.any([closed.signal, cancelled.signal]),
        onMessage: () => undefined,
      });
    } catch (thrown) {
      failure = failureOf(toPomonaError(thrown));
    }
    if (this.#pulls.get(key) === cancelled) this.#pulls.delete(key);
    this.#onEvent({ kind: "pullEnded", nodeId, model, runKey, failure });
  }

  cancelPull({ nodeId, runKey }: EffectOf<"cancelPull">): void {
    this.#pulls.get(pullKey(nodeId, runKey))?.abort();
  }

  /** @throws PomonaError what the node said, or `node_lost`. */
  async tokenize(call: TokenizeCall): Promise<Omit<TokenizedPrompt, "digest">> {
    const { tokenIds, tokensLeftOut, stop, stopTokenIds, sharedTokens, ...form } = await this.#ask(
      call.nodeId,
      (client) =>
        callUnary(client, pomona.Node.service.Tokenize, {
          request: { replicaId: call.replicaId, ...tokenizeInputToWire(call.input) },
          timeoutMs: call.timeoutMs,
          signal: call.signal,
        }),
    );
    return { tokenIds, tokensLeftOut, stop, stopTokenIds, sharedTokens, form: answerFormFromWire(form) };
  }

  /** @throws PomonaError what the node said, or `node_lost`. */
  async embed(inputs: readonly EmbedInput[], call: PooledCall): Promise<readonly Embedded[]> {
    const wire = inputs.map((input) =>
      input.kind === "tokens" ? { tokenIds: [...input.tokenIds] } : { text: input.text },
    );
    const request = { replicaId: call.replicaId, inputs: wire };
    const { embeddings } = await this.#ask(call.nodeId, (client) =>
      callUnary(client, pomona.Node.service.Embed, { ...call, request }),
    );
    return embeddings.map(({ values, tokens }) => ({ vector: Float32Array.from(values), tokens }));
  }

  /** @throws PomonaError what the node said, or `node_lost`. */
  async rank(query: string, documents: readonly string[], call: PooledCall): Promise<readonly Ranked[]> {
    const request = { replicaId: call.replicaId, query, documents: [...documents] };
    const { scores, tokens } = await this.#ask(call.nodeId, (client) =>
      callUnary(client, pomona.Node.service.Rank, { ...call, request }),
    );
    return scores.map((score, index) => ({ score, tokens: tokens[index] ?? 0 }));
  }

  close(): void {
    this.#attempts.close();
    for (const probe of this.#probes.values()) probe.abort();
    for (const nodeId of [...this.#links.keys()]) this.disconnect(nodeId);
  }

  /** For questions that change nothing: asked again over the connection that has meanwhile taken the place of a broken one. */
  async #ask<Answer>(nodeId: NodeId, question: (client: NodeClient) => Promise<Answer>): Promise<Answer> {
    const { client } = this.#link(nodeId);
    try {
      return await question(client);
    } catch (thrown) {
      const renewed = this.#links.get(nodeId)?.client;
      const isLost = toPomonaError(thrown).code === "node_lost";
      if (!isLost || renewed === undefined || renewed === client) throw thrown;
      return await question(renewed);
    }
  }

  /** The first call that a broken connection fails makes a new one for all. */
  #renewClient(nodeId: NodeId, broken: NodeClient): NodeClient | null {
    const link = this.#links.get(nodeId);
    if (link === undefined) return null;
    if (link.client === broken) {
      broken.close();
      link.client = this.#clientTo(link.address);
    }
    return link.client;
  }

  #clientTo(address: string): NodeClient {
    return createNodeClient(address, this.#term);
  }

  #link(nodeId: NodeId): Link {
    const link = this.#links.get(nodeId);
    if (link === undefined) throw new PomonaError("node_lost", `no link to node ${nodeId}`);
    return link;
  }

  /** Keeps the status stream of a link open. A probe (node id null) ends at the first status. */
  async #watch(link: Link, { nodeId }: { readonly nodeId: NodeId | null }): Promise<void> {
    const { signal } = link.closed;
    let backoffMs = reconnectMinMs;
    while (!signal.aborted) {
      let isUp = false;
      const used = link.client;
      const askedAtMs = systemClock.nowMs();
      try {
        await readStream(used, pomona.Node.service.WatchStatus, {
          request: {},
          timeoutMs: null,
          signal,
          onMessage: (message) => {
            const status = nodeStatusFromWire(message.status);
            this.#onEvent({ kind: "heartbeat", status, address: link.address });
            if (nodeId === null) return link.closed.abort();
            if (status.nodeId !== nodeId) throw new PomonaError("invalid_request", "another node answers there");
            if (!isUp) noteOf(link, systemClock.nowMs() - askedAtMs);
            if (!isUp) this.#onEvent({ kind: "linkUp", nodeId });
            isUp = true;
            backoffMs = reconnectMinMs;
          },
        });
      } catch (thrown) {
        const { code, message } = toPomonaError(thrown);
        if (!signal.aborted) this.#log.debug({ nodeId, address: link.address, code, message }, "status stream ended");
      }
      if (isUp && nodeId !== null && this.#links.get(nodeId) === link) this.#onEvent({ kind: "linkDown", nodeId });
      await pause(jittered(backoffMs), signal);
      backoffMs = Math.min(backoffMs * 2, reconnectMaxMs);
      if (signal.aborted) return;
      // A channel that failed waits by itself, up to 5 s; one made anew connects at once.
      if (link.client === used) {
        used.close();
        link.client = this.#clientTo(link.address);
      }
    }
  }
}

/** A new connection takes more than one round trip: what it took is on the side of patience. */
function noteOf(link: Link | undefined, tookMs: number): void {
  if (link !== undefined) link.roundTripMs = noteRoundTrip(link.roundTripMs, tookMs);
}

function pullKey(nodeId: NodeId, runKey: string): string {
  return `${nodeId}/${runKey}`;
}
