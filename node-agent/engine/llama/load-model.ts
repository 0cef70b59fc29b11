// Opens a model with its slots: everything that the engine decides at load time.
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import type { LoraAdapter } from "@pomona/shared/core/engine-options";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import type { InfillTokens } from "@pomona/shared/core/infill";
import { checkpointsPerSlot, embeddingLengthFor } from "@pomona/shared/core/model-memory";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import { prefixHashes } from "@pomona/shared/core/prefix-hash";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import { readModelShape } from "@pomona/shared/runtime/model-source";
import { getLlama, type Llama, type LlamaContext, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import { SpeedLearner } from "../../core/speed-learner.ts";
import type { SavedState } from "../../core/state-index.ts";
import type { EngineLoadSpec, EngineReplicaInfo, StateStoreSpec } from "../engine.ts";
import { AdoptedStates } from "./adopted-states.ts";
import { ChatTemplate } from "./chat-template.ts";
import { Grammars } from "./grammars.ts";
import { infillTokensOfModel } from "./infill.ts";
import { type Native, openNative } from "./native.ts";
import { PooledContexts } from "./pooled-contexts.ts";
import { PromptReader } from "./prompt-reader.ts";
import { Slot } from "./slot.ts";
import { SlotPreparation } from "./slot-preparation.ts";
import { StateStore } from "./state-store.ts";
import { StepLoop } from "./step-loop.ts";
import { TokenSampler } from "./token-sampler.ts";
import { Vocabulary } from "./vocabulary.ts";

export type LoadedModel = {
  readonly model: LlamaModel;
  readonly template: ChatTemplate;
  /** null where it was not made to fill gaps. */
  readonly infill: InfillTokens | null;
  readonly loop: StepLoop;
  readonly preparation: SlotPreparation;
  readonly adopted: AdoptedStates;
  readonly pooled: PooledContexts;
  readonly info: EngineReplicaInfo;
  /** What slots and saved states hold. */
  held(): HeldPrefix[];
  /** What the steps have shown. */
  speed(): SpeedProfile | null;
};

/** `onEngineError` gets what the engine logs: it tells only there why it refuses a file. */
export type LoadParts = {
  readonly spec: EngineLoadSpec;
  readonly onFrame: (attempt: Attempt, frame: AttemptFrame) => void;
  readonly onStep: () => void;
  readonly onEngineError: (message: string) => void;
};

/** @throws what the library throws. */
export async function loadModel({ spec, onFrame, onStep, onEngineError }: LoadParts): Promise<LoadedModel> {
  const { options } = spec;
  const llama = await getLlama({
    gpu: process.platform === "darwin" ? "auto" : false,
    build: "never",
    maxThreads: options.threads,
    logLevel: LlamaLogLevel.error,
    logger: (level, message) => {
      if (level === LlamaLogLevel.error || level === LlamaLogLevel.fatal) onEngineError(message.trim());
    },
  });
  const model = await llama.loadModel({
    modelPath: spec.modelPath,
    useMmap: options.usesMmap,
    useMlock: options.usesMlock,
    checkTensors: spec.checksTensors,
    ...(options.gpuLayers === null ? {} : { gpuLayers: options.gpuLayers }),
  });
  const context = await model.createContext({
    sequences: spec.slots,
    contextSize: spec.contextLength,
    batchSize: options.batchSize,
    threads: options.threads,
    flashAttention: options.hasFlashAttention,
    experimentalKvCacheKeyType: ggmlTypes[options.kvType],
    experimentalKvCacheValueType: ggmlTypes[options.kvType],
    // The node has decided that it fits; a smaller context than asked for would be a lie.
    failedCreationRemedy: false,
    ...(options.loras.length === 0 ? {} : { lora: { adapters: options.loras.map(adapterOf) } }),
  });
  const native = openNative(model, context);
  // A file may name a window that the engine does not use: only the layers tell.
  const shape = await readModelShape(spec.modelPath, new AbortController().signal);
  const checkpointsMax = checkpointsPerSlot(shape, { ...spec, engine: options });
  const slots = Array.from({ length: spec.slots }, (_, id) => new Slot({ id, native, checkpointsMax }));
  const store = spec.stateStore === null ? null : await openStore(spec.stateStore, spec.contextLength);
  const kvBytesPerToken = spec.stateStore?.kvBytesPerToken ?? 0;
  const canRestore = store !== null && checkpointsMax === 0;
  const learner =
    spec.speed === null
      ? null
      : new SpeedLearner({ ...spec.speed, restoreBytesPerSecond: canRestore ? restoreSpeedOf(spec.speed) : 0 });
  const adopted = new AdoptedStates(spec.contextLength);
  const preparation = new SlotPreparation({ slots, store, adopted, kvBytesPerToken, learner });
  const loop = openLoop(llama, { model, native, preparation, learner, spec, onFrame, onStep });
  const held = (): HeldPrefix[] => heldPrefixes(slots, store);
  const template = new ChatTemplate(model, native);
  const { embeddingLength, threads } = options;
  // Learnt positions end there, and the engine aborts beyond them.
  const inputLengthMax = Math.min(embeddingLengthFor(shape, embeddingLength), model.trainContextSize);
  const pooled = new PooledContexts({ model, inputLengthMax, threads, between: (work) => loop.between(work) });
  return {
    model,
    template,
    infill: infillTokensOfModel(model),
    loop,
    preparation,
    adopted,
    pooled,
    info: { ...describe(model, context, spec), inputLengthMax, workingSetBytes: await workingSetOf(llama) },
    held,
    speed: () => learner?.profile() ?? null,
  };
}

/** A profile of a time without a store knows nothing of it. */
function restoreSpeedOf({ restoreBytesPerSecond }: SpeedProfile): number {
  return restoreBytesPerSecond > 0 ? restoreBytesPerSecond : 1e9;
}

/** The engine hands states over as files: in memory where the system has such a place. */
const memoryFileSystem = "/dev/shm";

async function openStore(spec: StateStoreSpec, contextLength: number): Promise<StateStore> {
  const scratch = await access(memoryFileSystem, constants.W_OK).then(
    () => memoryFileSystem,
    () => join(spec.directory, "scratch"),
  );
  return await StateStore.open({ ...spec, scratchDirectory: scratch, contextLength });
}

/** Longest list of sequences that is told of. */
const heldMax = 64;

function heldPrefixes(slots: readonly Slot[], store: StateStore | null): HeldPrefix[] {
  const describePrefix = (
    place: HeldPrefix["place"],
    slot: number | null,
    { tokenIds, scope }: Slot | SavedState,
  ): HeldPrefix => ({ place, slot, tokens: tokenIds.length, hashes: prefixHashes(tokenIds, scope) });
  const states = store === null ? [] : [...store.states].sort((a, b) => b.lastUsedMs - a.lastUsedMs);
  return [
    ...slots.map((slot) => describePrefix("slot", slot.id, slot)),
    ...states.map((state) => describePrefix(state.inRam ? "ram" : "disk", null, state)),
  ]
    .filter(({ hashes }) => hashes.length > 0)
    .slice(0, heldMax);
}

function adapterOf({ path, scale }: LoraAdapter): { filePath: string; scale: number } {
  return { filePath: path, scale };
}

const ggmlTypes = { f16: "F16", q8_0: "Q8_0", q4_0: "Q4_0" } as const;

type Opened = Pick<LoadParts, "spec" | "onFrame" | "onStep"> & {
  readonly model: LlamaModel;
  readonly native: Native;
  readonly preparation: SlotPreparation;
  readonly learner: SpeedLearner | null;
};

function openLoop(llama: Llama, { model, native, preparation, learner, spec, onFrame, onStep }: Opened): StepLoop {
  const vocabulary = new Vocabulary(model);
  const grammars = new Grammars(llama, native);
  return new StepLoop({
    context: native.context,
    slotCount: spec.slots,
    preparation,
    learner,
    vocabulary,
    contextLength: spec.contextLength,
    chunkLength: spec.options.chunkLength,
    createSampler: async ({ decoding, emittedTokenIds }) => {
      checkTokenIds(decoding, vocabulary.size);
      const grammar = decoding.grammar === null ? null : await grammars.begin(decoding.grammar);
      const sampler = new TokenSampler({ native, vocabulary, decoding, grammar });
      sampler.replay(emittedTokenIds);
      return sampler;
    },
    createPromptReader: () => new PromptReader({ native, vocabulary }),
    onFrame,
    onStep,
  });
}

function checkTokenIds({ sampling }: Attempt["decoding"], vocabularySize: number): void {
  const unknown = sampling.logitBias.find(({ tokenId }) => tokenId >= vocabularySize);
  if (unknown === undefined) return;
  const message = `logit_bias names token ${unknown.tokenId}; the vocabulary has ${vocabularySize} tokens`;
  throw new PomonaError("invalid_request", message, { field: "logit_bias" });
}

/** llama.cpp's Metal backend calls the working set that Metal recommends all of its memory (ggml-metal-device.m). */
async function workingSetOf(llama: Llama): Promise<number | null> {
  if (llama.gpu !== "metal") return null;
  const { total } = await llama.getVramState();
  return total > 0 ? total : null;
}

function describe(model: LlamaModel, context: LlamaContext, { contextLength, slots }: EngineLoadSpec) {
  const { tokenizer } = model.fileInfo.metadata;
  const kvAndCompute = context.memoryUsage.ram + context.memoryUsage.vram;
  return {
    contextLength,
    slots,
    vocabularySize: tokenizer.ggml.tokens.length,
    hasChatTemplate: tokenizer.chat_template !== undefined,
    pid: process.pid,
    // The engine tells KV and compute buffers in one figure.
    memory: {
      weightsBytes: model.size,
      kvBytes: kvAndCompute,
      computeBytes: 0,
      processBytes: process.memoryUsage().rss,
    },
  };
}
