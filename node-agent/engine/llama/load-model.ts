// Opens a model with its slots: everything that the engine decides at load time.
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import { getLlama, type Llama, type LlamaContext, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";
import type { EngineLoadSpec, EngineReplicaInfo } from "../engine.ts";
import { Grammars } from "./grammars.ts";
import { openNative } from "./native.ts";
import { Slot } from "./slot.ts";
import { StepLoop } from "./step-loop.ts";
import { TokenSampler } from "./token-sampler.ts";
import { Vocabulary } from "./vocabulary.ts";

export type LoadedModel = { readonly model: LlamaModel; readonly loop: StepLoop; readonly info: EngineReplicaInfo };

/** `lastError` is what the engine logged last: it tells only there why it refuses a file. */
export type LoadParts = {
  readonly spec: EngineLoadSpec;
  readonly onFrame: (attempt: Attempt, frame: AttemptFrame) => void;
  readonly onEngineError: (message: string) => void;
};

/** @throws what the library throws. */
export async function loadModel({ spec, onFrame, onEngineError }: LoadParts): Promise<LoadedModel> {
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
  });
  const loop = openLoop(llama, { model, context, spec, onFrame });
  return { model, loop, info: describe(model, context, spec) };
}

const ggmlTypes = { f16: "F16", q8_0: "Q8_0", q4_0: "Q4_0" } as const;

type Opened = {
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly spec: EngineLoadSpec;
  readonly onFrame: LoadParts["onFrame"];
};

function openLoop(llama: Llama, { model, context, spec, onFrame }: Opened): StepLoop {
  const native = openNative(model, context);
  const { isRecurrent, isHybrid, swaSize } = model.fileInsights;
  const needsCheckpoints = isRecurrent || isHybrid || (swaSize ?? 0) > 0;
  const vocabulary = new Vocabulary(model);
  const grammars = new Grammars(llama, native);
  return new StepLoop({
    context: native.context,
    slots: Array.from({ length: spec.slots }, (_, id) => new Slot({ id, native, needsCheckpoints })),
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
    onFrame,
  });
}

function checkTokenIds({ sampling }: Attempt["decoding"], vocabularySize: number): void {
  const unknown = sampling.logitBias.find(({ tokenId }) => tokenId >= vocabularySize);
  if (unknown === undefined) return;
  const message = `logit_bias names token ${unknown.tokenId}; the vocabulary has ${vocabularySize} tokens`;
  throw new PomonaError("invalid_request", message, { field: "logit_bias" });
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
