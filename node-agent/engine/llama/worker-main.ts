// The engine worker: one model in a process of its own. A native fault takes down this process and nothing else.
import { stat, writeFile } from "node:fs/promises";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import { InsufficientMemoryError } from "node-llama-cpp";
import type { EngineLoadSpec, SequenceState } from "../engine.ts";
import { type LoadedModel, loadModel } from "./load-model.ts";
import type { CallAnswer, CallRequest, FromWorker, ToWorker, WireError, WorkerFrame } from "./messages.ts";
import type { Slot } from "./slot.ts";
import { tokenizePrompt } from "./tokenize.ts";

/** Frames of the step under way. */
const unsent: WorkerFrame[] = [];

let loaded: LoadedModel | null = null;
/** The engine tells why it refuses a file only in its log. */
let lastEngineError = "";

function send(message: FromWorker): void {
  process.send?.(message);
}

function sendFrame({ requestId, epoch }: Attempt, frame: AttemptFrame): void {
  if (unsent.length === 0) setImmediate(() => send({ kind: "frames", frames: unsent.splice(0) }));
  unsent.push({ requestId, epoch, frame });
}

async function load(spec: EngineLoadSpec): Promise<void> {
  try {
    const onEngineError = (message: string): void => {
      lastEngineError = message;
    };
    loaded = await loadModel({ spec, onFrame: sendFrame, onStep: tellHeld, onEngineError });
    // What reading the header has left would go some time: the memory of a replica is to be what it was measured with.
    globalThis.gc?.();
    send({ kind: "loaded", info: loaded.info });
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const code = thrown instanceof InsufficientMemoryError ? "insufficient_memory" : "invalid_model";
    const reason = lastEngineError === "" ? message : `${message}: ${lastEngineError}`;
    send({
      kind: "loadFailed",
      error: { code, message: `the engine refuses ${spec.modelPath}: ${reason}`, field: null },
    });
  }
}

function handle(message: ToWorker): void {
  switch (message.kind) {
    case "load":
      void load(message.spec);
      return;
    case "generate":
      loaded?.loop.start(message.attempt);
      return;
    case "cancel":
      loaded?.loop.cancel(message.requestId, message.epoch);
      return;
    case "call":
      void answer(message);
      return;
    case "dropCall":
      dropped.get(message.call)?.abort();
      return;
    case "adoptState":
      loaded?.adopted.add(message.state);
      return;
    case "dropState":
      loaded?.adopted.drop(message.path);
      return;
    case "close":
      void close();
  }
}

/** Slots and states are told of at most so often. */
const heldIntervalMs = 250;
let isHeldDue = false;

function tellHeld(): void {
  if (isHeldDue) return;
  isHeldDue = true;
  setTimeout(() => {
    isHeldDue = false;
    if (loaded !== null) send({ kind: "held", held: loaded.held(), speed: loaded.speed() });
  }, heldIntervalMs);
}

async function close(): Promise<void> {
  try {
    await loaded?.loop.stop();
    await loaded?.preparation.flush();
  } finally {
    process.exit(0);
  }
}

/** Calls under way. */
const dropped = new Map<number, AbortController>();

async function answer({ call, request }: ToWorker & { kind: "call" }): Promise<void> {
  const controller = new AbortController();
  dropped.set(call, controller);
  try {
    send({ kind: "answered", call, answer: await answerTo(request, controller.signal) });
  } catch (thrown) {
    send({ kind: "callFailed", call, error: wireError(thrown) });
  } finally {
    dropped.delete(call);
  }
}

function wireError(thrown: unknown): WireError {
  const { code, message, field } = toPomonaError(thrown);
  return { code, message, field };
}

async function answerTo(request: CallRequest, signal: AbortSignal): Promise<CallAnswer> {
  if (loaded === null) throw new PomonaError("failed_precondition", "the model is not loaded yet");
  const { model, template, infill, pooled, loop, info } = loaded;
  switch (request.kind) {
    case "tokenize":
      // One more than any use of it takes.
      return {
        kind: "prompt",
        prompt: await tokenizePrompt(
          { model, template, infill, keptMax: Math.max(info.contextLength, info.inputLengthMax) + 1 },
          request.input,
          signal,
        ),
      };
    case "saveState": {
      const { requestId, epoch, path } = request;
      return { kind: "state", state: await loop.onSlot(requestId, epoch, (slot) => saveState(slot, path)) };
    }
    case "embed":
      return { kind: "vectors", vectors: await pooled.embed(request.inputs, signal) };
    case "rank":
      return { kind: "ranking", ranking: await pooled.rank(request.query, request.documents, signal) };
  }
}

/** The file is there before the engine writes it, so that nobody else can read it. */
async function saveState(slot: Slot, path: string): Promise<SequenceState> {
  await writeFile(path, "", { mode: 0o600 });
  await slot.save(path);
  const { size: bytes } = await stat(path);
  return { scope: slot.scope, tokenIds: slot.tokenIds, chunkLengths: slot.chunkLengths, bytes };
}

// Only the node-agent sends on this channel, and only these messages.
process.on("message", (message) => handle(message as ToWorker));
// The node-agent is gone, however it went: so is its worker.
process.on("disconnect", () => process.exit(0));
