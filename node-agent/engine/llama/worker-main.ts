// The engine worker: one model in a process of its own. A native fault takes down this process and nothing else.
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import { getLlama, InsufficientMemoryError, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import type { EngineLoadSpec, EngineReplicaInfo } from "../engine.ts";
import { Batching } from "./batching.ts";
import type { FromWorker, ToWorker, WorkerFrame } from "./messages.ts";
import { StepLoop } from "./step-loop.ts";
import { tokenizePrompt } from "./tokenize.ts";

/** Tokens of one evaluation: larger ones reserve more than they gain. */
const batchSize = 512;

type Loaded = { readonly model: LlamaModel; readonly loop: StepLoop };

/** Frames of the step under way. */
const unsent: WorkerFrame[] = [];

let loaded: Loaded | null = null;
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
    const llama = await getLlama({
      gpu: process.platform === "darwin" ? "auto" : false,
      build: "never",
      maxThreads: spec.threads,
      logLevel: LlamaLogLevel.error,
      logger: (level, message) => {
        if (level === LlamaLogLevel.error || level === LlamaLogLevel.fatal) lastEngineError = message.trim();
      },
    });
    const model = await llama.loadModel({ modelPath: spec.modelPath });
    loaded = await openSlots(model, spec);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const code = thrown instanceof InsufficientMemoryError ? "insufficient_memory" : "invalid_model";
    const reason = lastEngineError === "" ? message : `${message}: ${lastEngineError}`;
    send({
      kind: "loadFailed",
      error: { code, message: `the engine refuses ${spec.modelPath}: ${reason}` },
    });
  }
}

async function openSlots(model: LlamaModel, spec: EngineLoadSpec): Promise<Loaded> {
  const { contextLength, slots: count, threads } = spec;
  const batching = new Batching();
  const context = await model.createContext({
    sequences: count,
    contextSize: contextLength,
    batchSize,
    threads,
    batching: { itemPrioritizationStrategy: batching.strategy },
  });
  const slots = Array.from({ length: count }, (_, id) => {
    // Sequences are handed out in the order of their ids. The library would silently drop the beginning of a full one.
    const sequence = context.getSequence({ contextShift: { strategy: refuseShift } });
    return { id, sequence };
  });
  const loop = new StepLoop({ model, slots, batching, contextLength, onFrame: sendFrame });
  const kvAndCompute = context.memoryUsage.ram + context.memoryUsage.vram;
  const info: EngineReplicaInfo = {
    contextLength,
    slots: count,
    vocabularySize: model.fileInfo.metadata.tokenizer.ggml.tokens.length,
    hasChatTemplate: model.fileInfo.metadata.tokenizer.chat_template !== undefined,
    pid: process.pid,
    // The engine tells KV and compute buffers in one figure.
    memory: {
      weightsBytes: model.size,
      kvBytes: kvAndCompute,
      computeBytes: 0,
      processBytes: process.memoryUsage().rss,
    },
  };
  send({ kind: "loaded", info });
  return { model, loop };
}

function refuseShift(): never {
  throw new Error("the context is full");
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
    case "tokenize":
      tokenize(message);
  }
}

function tokenize({ call, input }: ToWorker & { kind: "tokenize" }): void {
  try {
    if (loaded === null) throw new PomonaError("failed_precondition", "the model is not loaded yet");
    send({ kind: "tokenized", call, prompt: tokenizePrompt(loaded.model, input) });
  } catch (thrown) {
    const { code, message } = toPomonaError(thrown);
    send({ kind: "tokenizeFailed", call, error: { code, message } });
  }
}

// Only the node-agent sends on this channel, and only these messages.
process.on("message", (message) => handle(message as ToWorker));
// The node-agent is gone, however it went: so is its worker.
process.on("disconnect", () => process.exit(0));
