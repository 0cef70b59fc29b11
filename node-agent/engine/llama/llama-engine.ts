// The llama engine as a node-agent sees it: starts workers, keeps count of their slots, and tells how they died.
import { type ChildProcess, fork } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { PomonaError } from "@pomona/shared/core/errors";
import { type Attempt, type AttemptFrame, endsUnread } from "@pomona/shared/core/generation";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import type { Logger } from "@pomona/shared/runtime/logger";
import { deathBy } from "../../core/engine-death.ts";
import { checkAttempt } from "../check-attempt.ts";
import { checkEmbedInputs, checkRankInputs } from "../check-pooled-call.ts";
import { CheckedGrammars } from "../checked-grammars.ts";
import type {
  AdoptedState,
  Engine,
  EngineLoadSpec,
  EngineReplica,
  EngineReplicaInfo,
  Ranking,
  SequenceState,
  TokenizedPrompt,
  TokenizeInput,
} from "../engine.ts";
import { failedEnding } from "../failed-ending.ts";
import type { CallAnswer, CallRequest, FromWorker, ToWorker, WireError, WorkerFrame } from "./messages.ts";

const workerPath = fileURLToPath(new URL("./worker-main.js", import.meta.url));
/**
 * Megabytes of each half of V8's young generation, 16 by default. Reading a model's header fills them, and they stay
 * resident until some later collection: 20 to 25 MB of a replica that nobody could foretell.
 */
const workerFlags = [...process.execArgv, "--max-semi-space-size=2", "--expose-gc"];
const closeTimeoutMs = 5000;
/** While attempts run, a worker speaks after each step. The longest step is a chunk of a large model on a slow machine. */
const defaultHangMs = 30_000;
const watchIntervalMs = 1000;

export type LlamaEngineOptions = {
  readonly log: Logger;
  /** A worker that says nothing for so long while attempts run is ended; 30,000 by default. */
  readonly hangMs?: number;
};

/** node-llama-cpp in a child process a replica. */
export function createLlamaEngine({ log, hangMs = defaultHangMs }: LlamaEngineOptions): Engine {
  return {
    build: "node-llama-cpp 3.21.1",
    load: async (spec, signal) => {
      const replica = new LlamaReplica(spec, { log, hangMs });
      const abort = (): void => void replica.close();
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      try {
        await replica.loaded;
        return replica;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
  };
}

/** `generated` counts the tokens that came out, earlier attempts included. */
type Running = { readonly attempt: Attempt; readonly onFrame: (frame: AttemptFrame) => void; generated: number };
type PendingCall = { resolve: (answer: CallAnswer) => void; reject: (error: PomonaError) => void };

class LlamaReplica implements EngineReplica {
  readonly loaded: Promise<EngineReplicaInfo>;
  readonly exited: Promise<PomonaError | null>;
  readonly #spec: EngineLoadSpec;
  readonly #child: ChildProcess;
  readonly #watchdog: NodeJS.Timeout;
  readonly #hangMs: number;
  readonly #log: Logger;
  readonly #running = new Map<string, Running>();
  readonly #grammars = new CheckedGrammars();
  readonly #calls = new Map<number, PendingCall>();
  #held: readonly HeldPrefix[] = [];
  #speed: SpeedProfile | null;
  #nextCall = 0;
  #lastMessageAtMs = performance.now();
  #info: EngineReplicaInfo | null = null;
  #isClosing = false;
  /** Why the worker can no longer be asked; null while it can. */
  #gone: PomonaError | null = null;
  #settleLoad: { resolve: (info: EngineReplicaInfo) => void; reject: (error: PomonaError) => void } | null = null;

  constructor(spec: EngineLoadSpec, { log, hangMs }: Required<LlamaEngineOptions>) {
    this.#spec = spec;
    this.#speed = spec.speed;
    this.#log = log;
    this.#hangMs = hangMs;
    // In a process group of its own: Ctrl-C is for the node-agent, which ends its workers in order.
    const stdio = ["ignore", "ignore", "ignore", "ipc"] as const;
    this.#child = fork(workerPath, [], {
      execArgv: workerFlags,
      serialization: "advanced",
      detached: true,
      stdio: [...stdio],
    });
    this.loaded = new Promise((resolve, reject) => {
      this.#settleLoad = { resolve, reject };
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve(this.#onExit(code, signal)));
    });
    // Only our own worker sends on this channel.
    this.#child.on("message", (message) => this.#receive(message as FromWorker));
    this.#child.on("error", (error) => log.warn({ message: error.message }, "engine worker channel failed"));
    this.#watchdog = setInterval(() => this.#watch(), watchIntervalMs).unref();
    this.#send({ kind: "load", spec });
  }

  get held(): readonly HeldPrefix[] {
    return this.#held;
  }

  get speed(): SpeedProfile | null {
    return this.#speed;
  }

  get info(): EngineReplicaInfo {
    if (this.#info === null) throw new Error("assertion failed: a replica is used after it was loaded");
    return this.#info;
  }

  generate(attempt: Attempt, onFrame: (frame: AttemptFrame) => void): void {
    if (this.#gone !== null) throw this.#gone;
    checkAttempt(attempt, { ...this.info, runningCount: this.#running.size, grammars: this.#grammars });
    if (this.#running.size === 0) this.#lastMessageAtMs = performance.now();
    this.#running.set(keyOf(attempt), { attempt, onFrame, generated: attempt.emittedTokenIds.length });
    // What is for coordinators alone need not travel to the worker.
    this.#send({ kind: "generate", attempt: { ...attempt, ...endsUnread } });
  }

  cancel(requestId: string, epoch: number): void {
    this.#send({ kind: "cancel", requestId, epoch });
  }

  async tokenize(input: TokenizeInput, signal: AbortSignal): Promise<TokenizedPrompt> {
    const answer = await this.#call({ kind: "tokenize", input }, signal);
    return answer.kind === "prompt" ? answer.prompt : wrongAnswer(answer);
  }

  async embed(inputs: readonly (readonly number[])[], signal: AbortSignal): Promise<readonly Float32Array[]> {
    checkEmbedInputs(inputs, this.info.vocabularySize);
    const answer = await this.#call({ kind: "embed", inputs }, signal);
    return answer.kind === "vectors" ? answer.vectors : wrongAnswer(answer);
  }

  async rank(query: string, documents: readonly string[], signal: AbortSignal): Promise<Ranking> {
    checkRankInputs(query, documents);
    const answer = await this.#call({ kind: "rank", query, documents }, signal);
    return answer.kind === "ranking" ? answer.ranking : wrongAnswer(answer);
  }

  async saveState(requestId: string, epoch: number, path: string): Promise<SequenceState> {
    // Not to be aborted: the file is not its owner's to delete before the worker has let it go.
    const answer = await this.#call({ kind: "saveState", requestId, epoch, path }, new AbortController().signal);
    return answer.kind === "state" ? answer.state : wrongAnswer(answer);
  }

  adoptState(state: AdoptedState): void {
    this.#send({ kind: "adoptState", state });
  }

  dropState(path: string): void {
    this.#send({ kind: "dropState", path });
  }

  #call(request: CallRequest, signal: AbortSignal): Promise<CallAnswer> {
    this.#nextCall += 1;
    const call = this.#nextCall;
    return new Promise((resolve, reject) => {
      if (this.#gone !== null) return reject(this.#gone);
      const cancelled = new PomonaError("cancelled", "the call was cancelled");
      if (signal.aborted) return reject(cancelled);
      const abort = (): void => {
        this.#send({ kind: "dropCall", call });
        this.#calls.get(call)?.reject(cancelled);
      };
      signal.addEventListener("abort", abort, { once: true });
      const settle = (finish: () => void): void => {
        signal.removeEventListener("abort", abort);
        this.#calls.delete(call);
        finish();
      };
      this.#calls.set(call, {
        resolve: (answer) => settle(() => resolve(answer)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#send({ kind: "call", call, request });
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#gone ??= new PomonaError("node_lost", "the replica was unloaded");
    this.#loseRunning(this.#gone);
    this.#send({ kind: "close" });
    const force = setTimeout(() => this.#child.kill("SIGKILL"), closeTimeoutMs);
    await this.exited;
    clearTimeout(force);
  }

  #send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message);
  }

  /** An engine that hangs in its own code answers nothing any more: it is ended like one that has crashed. */
  #watch(): void {
    if (this.#running.size === 0 || this.#isClosing) return;
    if (performance.now() - this.#lastMessageAtMs < this.#hangMs) return;
    this.#log.error({ hangMs: this.#hangMs }, "engine worker hangs");
    this.#child.kill("SIGKILL");
  }

  #receive(message: FromWorker): void {
    this.#lastMessageAtMs = performance.now();
    switch (message.kind) {
      case "loaded":
        this.#info = message.info;
        this.#settleLoad?.resolve(message.info);
        return;
      case "loadFailed":
        this.#settleLoad?.reject(errorOf(message.error));
        void this.close();
        return;
      case "frames":
        for (const frame of message.frames) this.#frame(frame);
        return;
      case "held":
        this.#held = message.held;
        this.#speed = message.speed;
        return;
      case "answered":
        this.#calls.get(message.call)?.resolve(message.answer);
        return;
      case "callFailed":
        this.#calls.get(message.call)?.reject(errorOf(message.error));
    }
  }

  #frame(message: WorkerFrame): void {
    const running = this.#running.get(keyOf(message));
    if (running === undefined) return;
    if (message.frame.kind === "ending") this.#running.delete(keyOf(message));
    if (message.frame.kind === "tokens") running.generated += message.frame.ids.length;
    running.onFrame(message.frame);
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): PomonaError | null {
    clearInterval(this.#watchdog);
    const reason = this.#isClosing ? null : crashOf(code, signal, this.#spec);
    const gone = reason ?? new PomonaError("node_lost", "the replica was unloaded");
    this.#gone ??= gone;
    if (reason !== null) this.#log.debug({ code, signal }, "engine worker exited");
    this.#settleLoad?.reject(gone);
    for (const { reject } of this.#calls.values()) reject(gone);
    this.#calls.clear();
    this.#loseRunning(gone);
    return reason;
  }

  /** Ends what runs, retryable: it can go on elsewhere after the last token that came out. */
  #loseRunning({ code, message }: PomonaError): void {
    const reason = { code, message, isRetryable: true };
    for (const { attempt, onFrame, generated } of this.#running.values())
      onFrame({ kind: "ending", ending: failedEnding(attempt, reason, generated) });
    this.#running.clear();
  }
}

function wrongAnswer(answer: CallAnswer): never {
  throw new Error(`assertion failed: a worker answers what it was asked, not with ${answer.kind}`);
}

function keyOf({ requestId, epoch }: { readonly requestId: string; readonly epoch: number }): string {
  return `${requestId}/${epoch}`;
}

function errorOf({ code, message, field }: WireError): PomonaError {
  return new PomonaError(code, message, field === null ? {} : { field });
}

/** The cause is the death itself, which metrics count by its reason. */
function crashOf(exitCode: number | null, signal: NodeJS.Signals | null, { modelPath }: EngineLoadSpec): PomonaError {
  const death = deathBy({ exitCode, signal }, constants.signals);
  return new PomonaError("engine_crashed", `the engine worker of ${modelPath} died: ${death.words}`, { cause: death });
}
