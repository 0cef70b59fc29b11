// The one door to node-llama-cpp's addon. The library's own evaluation hides what a server needs: which tokens are
// evaluated together, several looks at one position's logits, the state of a grammar. So its loading, memory checks and
// chat templates are used as they are, and its context is driven from here. These members are not part of its public
// types: the version is pinned, and `openNative` refuses one that lacks them.
import type { LlamaContext, LlamaGrammar, LlamaModel } from "node-llama-cpp";

/** Settings of the next `sampleToken`. Absent members are off; without a temperature the most likely token is taken. */
export type SamplerConfig = {
  readonly temperature?: number;
  /** Candidates that are left, most likely first. */
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly repeatPenalty?: number;
  readonly repeatPenaltyMaxTokens?: number;
  /** The window, oldest first. */
  readonly repeatPenaltyTokens?: Uint32Array;
  readonly repeatPenaltyPresencePenalty?: number;
  readonly repeatPenaltyFrequencyPenalty?: number;
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
  readonly grammarEvaluationState?: NativeGrammarState;
};

export type NativeSampler = {
  applyConfig(config: SamplerConfig): void;
  dispose(): void;
};

/** How far a text has got in a grammar. */
export type NativeGrammarState = { readonly isNativeGrammarState: never };

/** What a recurrent or sliding-window model needs to go back to an earlier position. */
export type NativeCheckpoint = {
  init(context: NativeContext, sequenceId: number): Promise<void>;
  dispose(): void;
  readonly size: number;
  readonly maxPos: number;
};

export type NativeRenderer = {
  /** @throws with the template's own reason. */
  render(input: Readonly<Record<string, unknown>>): string;
};

/** llama.cpp's context: sequences of KV, one batch at a time. */
export type NativeContext = {
  /** Empties the batch and makes room for so many tokens. */
  initBatch(size: number): void;
  /** Returns the logit index of each token whose place is in `logitIndexes`. */
  addToBatch(sequenceId: number, position: number, tokens: Uint32Array, logitIndexes: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  /** -1 when no token is left. */
  sampleToken(logitIndex: number, sampler: NativeSampler): Promise<number>;
  /** `candidates` is [id, probability, ...], most likely first; `confidence` is the probability of the token. */
  sampleToken(
    logitIndex: number,
    sampler: NativeSampler,
    withCandidates: boolean,
    withConfidence: boolean,
  ): Promise<[token: number, candidates: number[] | undefined, confidence: number | undefined]>;
  disposeSequence(sequenceId: number): void;
  /** False when the memory of the model cannot forget a part. */
  removeTokenCellsFromSequence(sequenceId: number, start: number, end: number): boolean;
  /** Lowest position that the sequence still holds; -1 when it holds none. */
  getSequenceKvCacheMinPosition(sequenceId: number): number;
  saveSequenceStateToFile(path: string, sequenceId: number, tokens: Uint32Array): Promise<number>;
  loadSequenceStateFromFile(path: string, sequenceId: number, tokensMax: number): Promise<Uint32Array>;
  restoreCheckpoint(checkpoint: NativeCheckpoint, maxPosition: number): Promise<boolean>;
};

/** What of the addon belongs to one model and one context. */
export type Native = {
  readonly context: NativeContext;
  createSampler(): NativeSampler;
  createGrammarState(grammar: LlamaGrammar): NativeGrammarState;
  copyGrammarState(state: NativeGrammarState): NativeGrammarState;
  /** Whether the grammar allows the token next. */
  canFollow(state: NativeGrammarState, tokenId: number): boolean;
  /** @throws when the grammar does not allow the token. */
  acceptToken(state: NativeGrammarState, tokenId: number): void;
  createCheckpoint(): NativeCheckpoint;
  /** The engine's own Jinja: it reaches nothing but its input. @throws when the template cannot be read. */
  createRenderer(template: string): NativeRenderer;
};

type Bindings = {
  readonly AddonSampler: (new (
    model: unknown,
  ) => NativeSampler) & {
    canBeNextTokenForGrammarEvaluationState(state: NativeGrammarState, tokenId: number): boolean;
    acceptGrammarEvaluationStateToken(state: NativeGrammarState, tokenId: number): void;
  };
  readonly AddonGrammarEvaluationState: new (model: unknown, grammar?: unknown) => NativeGrammarState;
  readonly AddonContextSequenceCheckpoint: new () => NativeCheckpoint;
  readonly AddonJinjaRenderer: new (template: string) => NativeRenderer;
};

/** @throws Error when the installed node-llama-cpp is not built as the pinned version is. */
export function openNative(model: LlamaModel, context: LlamaContext): Native {
  const nativeContext = memberOf(context, "_ctx") as NativeContext;
  const nativeModel = memberOf(model, "_model");
  const bindings = memberOf(model.llama, "_bindings") as Bindings;
  for (const name of ["initBatch", "addToBatch", "decodeBatch", "sampleToken", "removeTokenCellsFromSequence"])
    memberOf(nativeContext, name);
  const { AddonSampler, AddonGrammarEvaluationState, AddonContextSequenceCheckpoint, AddonJinjaRenderer } = bindings;
  memberOf(AddonSampler, "canBeNextTokenForGrammarEvaluationState");
  return {
    context: nativeContext,
    createSampler: () => new AddonSampler(nativeModel),
    createGrammarState: (grammar) => new AddonGrammarEvaluationState(nativeModel, memberOf(grammar, "_grammar")),
    copyGrammarState: (state) => new AddonGrammarEvaluationState(state),
    canFollow: (state, tokenId) => AddonSampler.canBeNextTokenForGrammarEvaluationState(state, tokenId),
    acceptToken: (state, tokenId) => AddonSampler.acceptGrammarEvaluationStateToken(state, tokenId),
    createCheckpoint: () => new AddonContextSequenceCheckpoint(),
    createRenderer: (template) => new AddonJinjaRenderer(template),
  };
}

function memberOf(owner: object, name: string): unknown {
  const member: unknown = Reflect.get(owner, name);
  if (member === undefined) throw new Error(`this node-llama-cpp has no ${name}: install the pinned version`);
  return member;
}
