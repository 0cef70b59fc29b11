// The coordinator's attempts on nodes. One whose connection breaks goes on over a new one from the next token, as long as its
// node still has it: a reset line costs no move.
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeAttachResponse__Output } from "@pomona/proto/generated/pomona/v1/NodeAttachResponse";
import type { NodeGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import { pomona } from "@pomona/proto/load";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { type Attempt, type AttemptFrame, failureOf } from "@pomona/shared/core/generation";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import { callUnary, readStream } from "@pomona/shared/grpc/client";
import { attemptFrameFromWire, attemptFromWire, attemptToWire } from "@pomona/shared/grpc/wire";
import { systemClock } from "@pomona/shared/runtime/clock";
import { attachPatienceMs, patienceLeftMs } from "../core/attach-patience.ts";
import { type AttemptProgress, noteFrame, progressFrom } from "../core/attempt-progress.ts";
import type { EffectOf } from "../core/effect.ts";
import type { ClusterEvent } from "../core/event.ts";

/** A node that cannot be told hears it when its link is up again. */
const tellTimeoutMs = 2000;

type Parts = {
  readonly onEvent: (event: ClusterEvent) => void;
  /** null without a link to the node. */
  readonly clientOf: (nodeId: NodeId) => NodeClient | null;
  /** A client with a connection of its own in the place of one whose connection broke. */
  readonly renewClient: (nodeId: NodeId, broken: NodeClient) => NodeClient | null;
  /** See `noteRoundTrip`; null while nothing was measured. */
  readonly roundTripMs: (nodeId: NodeId) => number | null;
  /** A node has answered a call that needs no work. */
  readonly onRoundTrip: (nodeId: NodeId, tookMs: number) => void;
};

type Progress = AttemptProgress & {
  readonly nodeId: NodeId;
  readonly requestId: RequestId;
  readonly epoch: number;
  hasEnded: boolean;
  /** What came was no frame of this attempt, or nothing came over a new connection: its node is not asked again. */
  isGivenUp: boolean;
};

export class AttemptCalls {
  readonly #parts: Parts;
  readonly #controllers = new Map<string, AbortController>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Its frames come as events until its ending, or the event that it failed. */
  start(nodeId: NodeId, attempt: Attempt): void {
    const { requestId, epoch, emittedTokenIds } = attempt;
    const progress = progressOf({ nodeId, requestId, epoch }, emittedTokenIds.length);
    this.#run(progress, (client, signal) =>
      readStream(client, pomona.Node.service.Generate, {
        request: attemptToWire(attempt),
        timeoutMs: null,
        signal,
        onMessage: (message) => this.#take(progress, message),
      }),
    );
  }

  /**
   * Reads an attempt that another coordinator began, from its beginning. `onTaken` is called with it before its frames come,
   * and says whether it is wanted.
   */
  takeUp({ nodeId, requestId, epoch }: EffectOf<"takeUpAttempt">, onTaken: (attempt: Attempt) => boolean): void {
    const progress = progressOf({ nodeId, requestId, epoch }, 0);
    this.#run(progress, (client, signal) =>
      this.#attach(progress, { client, signal, fromIndex: 0 }, (attempt) => {
        if (!onTaken(attempt)) {
          this.cancel(nodeId, requestId, epoch);
          throw new PomonaError("cancelled", "nobody can go on with it");
        }
        progress.nextIndex = attempt.emittedTokenIds.length;
      }),
    );
  }

  cancel(nodeId: NodeId, requestId: RequestId, epoch: number): void {
    this.#controllers.get(keyOf(requestId, epoch))?.abort();
    const call = { request: { requestId, epoch }, timeoutMs: tellTimeoutMs, signal: new AbortController().signal };
    this.#tell(nodeId, (client) => callUnary(client, pomona.Node.service.CancelAttempt, call));
  }

  /** Has a node end whatever is not named. */
  keep({ nodeId, live }: EffectOf<"keepAttempts">): void {
    const call = { request: { live: [...live] }, timeoutMs: tellTimeoutMs, signal: new AbortController().signal };
    this.#tell(nodeId, (client) => callUnary(client, pomona.Node.service.KeepAttempts, call));
  }

  close(): void {
    for (const controller of this.#controllers.values()) controller.abort();
  }

  #tell(nodeId: NodeId, call: (client: NodeClient) => Promise<unknown>): void {
    const client = this.#parts.clientOf(nodeId);
    if (client === null) return;
    const askedAtMs = systemClock.nowMs();
    call(client).then(
      () => this.#parts.onRoundTrip(nodeId, systemClock.nowMs() - askedAtMs),
      () => undefined,
    );
  }

  #run(progress: Progress, read: (client: NodeClient, signal: AbortSignal) => Promise<void>): void {
    const { nodeId, requestId, epoch } = progress;
    const key = keyOf(requestId, epoch);
    const controller = new AbortController();
    this.#controllers.set(key, controller);
    this.#readToEnd(progress, controller.signal, read)
      .catch((thrown: unknown) => {
        if (progress.hasEnded) return;
        const failure = failureOf(toPomonaError(thrown));
        this.#parts.onEvent({ kind: "attemptFailed", requestId, epoch, failure });
      })
      .finally(() => {
        if (this.#controllers.get(key) === controller) this.#controllers.delete(key);
      });
    if (this.#parts.clientOf(nodeId) === null) controller.abort(noLink(nodeId));
  }

  async #readToEnd(
    progress: Progress,
    signal: AbortSignal,
    read: (client: NodeClient, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { nodeId } = progress;
    // What is thrown at once is told in the next turn: the step that began it is still under way.
    await Promise.resolve();
    let client = this.#parts.clientOf(nodeId);
    let readOn = read;
    while (client !== null) {
      try {
        await readOn(client, signal);
        if (progress.hasEnded) return;
        throw new PomonaError("internal", `node ${nodeId} ended an attempt without saying how`);
      } catch (thrown) {
        const { code } = toPomonaError(thrown);
        if (progress.hasEnded) return;
        if (signal.aborted || progress.isGivenUp || code !== "node_lost") throw asLost(thrown, nodeId);
      }
      client = this.#parts.renewClient(nodeId, client);
      readOn = (renewed, stillWanted) =>
        this.#attach(progress, { client: renewed, signal: stillWanted, fromIndex: progress.nextIndex });
    }
    throw noLink(nodeId);
  }

  /** Fails as `node_lost` when nothing comes at once: a node tells first that it has accepted the attempt. */
  async #attach(
    progress: Progress,
    call: { readonly client: NodeClient; readonly signal: AbortSignal; readonly fromIndex: number },
    onRequest: (attempt: Attempt) => void = () => undefined,
  ): Promise<void> {
    const { requestId, epoch, nodeId } = progress;
    const stalled = new AbortController();
    const silent = new PomonaError("node_lost", `node ${nodeId} does not answer on a new connection`);
    const stopWaiting = this.#waitForAnswer(nodeId, () => stalled.abort(silent));
    progress.isGivenUp = true;
    try {
      await readStream(call.client, pomona.Node.service.Attach, {
        request: { requestId, epoch, fromIndex: call.fromIndex },
        timeoutMs: null,
        signal: AbortSignal.any([call.signal, stalled.signal]),
        onMessage: ({ request, response }: NodeAttachResponse__Output) => {
          stopWaiting();
          progress.isGivenUp = false;
          if (request !== null) onRequest(attemptFromWire(request));
          if (response !== null) this.#take(progress, response);
        },
      });
    } finally {
      stopWaiting();
    }
  }

  /** Calls back when nothing stopped it for as long as the node may take. */
  #waitForAnswer(nodeId: NodeId, onSilence: () => void): () => void {
    const patienceMs = attachPatienceMs(this.#parts.roundTripMs(nodeId));
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      const askedAtMs = systemClock.nowMs();
      timer = setTimeout(() => {
        if (patienceLeftMs(patienceMs, systemClock.nowMs() - askedAtMs) > 0) wait();
        else onSilence();
      }, patienceMs);
    };
    wait();
    return () => clearTimeout(timer);
  }

  #take(progress: Progress, message: NodeGenerateResponse__Output): void {
    const frame = ownFrame(message, progress);
    const { requestId, epoch } = progress;
    if (!noteFrame(progress, frame)) return;
    if (frame.kind === "ending") progress.hasEnded = true;
    this.#parts.onEvent({ kind: "frame", requestId, epoch, frame });
  }
}

function progressOf(
  name: { readonly nodeId: NodeId; readonly requestId: RequestId; readonly epoch: number },
  nextIndex: number,
): Progress {
  return { ...name, ...progressFrom(nextIndex), hasEnded: false, isGivenUp: false };
}

function noLink(nodeId: NodeId): PomonaError {
  return new PomonaError("node_lost", `no link to node ${nodeId}`);
}

/** A node that does not know the attempt, or does not say how it ended, has lost it. */
function asLost(thrown: unknown, nodeId: NodeId): unknown {
  const { code, message } = toPomonaError(thrown);
  if (code !== "internal") return thrown;
  return new PomonaError("node_lost", `node ${nodeId}: ${message}`, { cause: thrown });
}

/** The frame of a message. @throws PomonaError `node_lost` for what is no frame of this attempt. */
function ownFrame(message: NodeGenerateResponse__Output, progress: Progress): AttemptFrame {
  const { nodeId, requestId, epoch } = progress;
  let reason = "it is of another attempt";
  try {
    const sent = attemptFrameFromWire(message);
    if (sent.requestId === requestId && sent.epoch === epoch) return sent.frame;
  } catch (thrown) {
    reason = toPomonaError(thrown).message;
  }
  progress.isGivenUp = true;
  // What a node gets wrong is no fault of the request: another node may serve it.
  throw new PomonaError("node_lost", `node ${nodeId} sent no frame: ${reason}`);
}

function keyOf(requestId: RequestId, epoch: number): string {
  return `${requestId}/${epoch}`;
}
