/** How fast a node runs a model: what the scheduler predicts from. */
export type EngineProfile = {
  /** Name and version of the engine. */
  readonly build: string;
  readonly chip: string;
  readonly threads: number;
  readonly loadMs: number;
  /** Of a prompt of `promptTokens` alone. */
  readonly prefill: { readonly promptTokens: number; readonly tokensPerSecond: number };
  /** Of so many streams together, from an almost empty context. */
  readonly decode: readonly { readonly streams: number; readonly tokensPerSecond: number }[];
};
