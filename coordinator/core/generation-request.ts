// What every API adapter translates into, and what it gets back: one internal request, one kind of event.
import type { LoadingOutlook, QueueOutlook } from "@pomona/shared/core/errors";
import type { Ending, PromptInput, Sampling, TokenLogprobs } from "@pomona/shared/core/generation";
import type { ModelName, NodeId, TenantId } from "@pomona/shared/core/ids";
import type { ModelCard } from "@pomona/shared/core/model-card";
import type { ModelFile } from "@pomona/shared/core/model-files";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import type { PromptLogprobs } from "@pomona/shared/core/prompt-logprobs";
import type { Priority } from "./scheduler/waiting-request.ts";

/** Who asks, and how soon the answer is wanted. */
export type Caller = {
  readonly tenant: TenantId;
  readonly priority: Priority;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
  /**
   * The caller's own name for the request: sent again, it attaches to the one that runs, or ended less than 30 s ago; and the
   * request outlives its connection for as long.
   */
  readonly idempotencyKey?: string;
  /** Whether the answer comes piece by piece with the request's id: when its coordinator stops, the rest is the next one's. */
  readonly isStreamed?: boolean;
  /** Told every other second how far the model is while it is being loaded, before the request can be queued. */
  readonly onLoading?: (outlook: LoadingOutlook) => void;
};

/** What the visible answer has to be: anything, any JSON object, or JSON that matches a schema. */
export type AnswerShape =
  | { readonly kind: "text" }
  /** `field` is the field of the request that an error names; `response_format` by default. */
  | { readonly kind: "json"; readonly field?: string }
  | { readonly kind: "schema"; readonly schema: unknown; readonly field: string };

/** How the answer is wanted. */
export type OutputWish = {
  readonly shape: AnswerShape;
  /** Whether tools are called: as the model likes, never, one of them, or this one. */
  readonly toolChoice: "auto" | "none" | "required" | { readonly name: string };
  /** Of the tools that the model is told, those that it may call; all by default. */
  readonly allowedTools?: readonly string[];
  /** Where the schema of a tool stands in the request, with `[]` for its place; `tools[].function.parameters` by default. */
  readonly parametersField?: string;
  /** The answer ends after its first call. */
  readonly isOneCall: boolean;
  /** How much the model is to think: `none`, or the word of its template; null leaves it to the model. */
  readonly effort: string | null;
  /** The field of the request that an error about the effort names; `reasoning_effort` by default. */
  readonly effortField?: string;
  /** That the model thinks, or does not, for APIs that name no effort; absent leaves it to the model. */
  readonly thinking?: { readonly isOn: boolean; readonly field: string };
  /** Most likely tokens that are told with each token, 0 to 20; null tells no log-probabilities. */
  readonly topLogprobs: number | null;
  /** Whether those of the prompt's tokens are told too, which are all evaluated then; false by default. */
  readonly logsPrompt?: boolean;
};

/** Free text, and calls as the model likes. */
export const freeOutput: OutputWish = {
  shape: { kind: "text" },
  toolChoice: "auto",
  isOneCall: false,
  effort: null,
  topLogprobs: null,
};

/** A token of the visible answer. */
export type LoggedToken = TokenLogprobs & { readonly text: Uint8Array };

export const apiNames = ["openai", "anthropic", "ollama", "grpc"] as const;

/** A label of metrics. */
export type ApiName = (typeof apiNames)[number];

/** A validated request of any API. */
export type GenerationRequest = {
  /** The API that it came by: a label of metrics. */
  readonly api: ApiName;
  readonly model: ModelName;
  readonly input: PromptInput;
  /** Without a seed the coordinator draws one. */
  readonly sampling: Omit<Sampling, "seed"> & { readonly seed: number | null };
  /** null means the rest of the context. */
  readonly maxTokens: number | null;
  /** Whether more than the rest of the context means just that; false by default, which refuses it. */
  readonly isMaxTokensCut?: boolean;
  /** The answer ends before the first of these; 16 at most. */
  readonly stop: readonly string[];
  /** What the answer has to be; the tools are those of the chat. */
  readonly output: OutputWish;
  /** From the arrival; null means the pool's default. */
  readonly timeoutMs: number | null;
};

/** How an answer ended, and the stop string that ended it; null for none. Those of the model's template are among them. */
export type AnswerEnding = Ending & { readonly stopString: string | null };

/** What a client sees of a request, in this order; all but the ending may come again after a resume. */
export type GenerationEvent =
  | ({ readonly kind: "waiting" } & QueueOutlook)
  | {
      readonly kind: "bound";
      readonly nodeId: NodeId;
      readonly epoch: number;
      readonly queueMs: number;
      readonly promptTokens: number;
      readonly seed: number;
      /** Whether an equal engine goes on with what was begun, so that its tokens are what they would have been. */
      readonly isExact: boolean;
    }
  | { readonly kind: "progress"; readonly evaluatedTokens: number; readonly totalTokens: number }
  /** The next tokens of the prompt, where they were asked for; all of them come before the first output. */
  | { readonly kind: "prompt"; readonly logprobs: PromptLogprobs }
  /**
   * What became safe to show: whole UTF-8 characters, stop strings removed, thoughts and calls told from text. `lastIndex`
   * is the index of the last token it is made of. `tokens` are those of the text; null where they were not asked for.
   */
  | {
      readonly kind: "output";
      readonly deltas: readonly OutputDelta[];
      readonly lastIndex: number;
      readonly tokens: readonly LoggedToken[] | null;
    }
  | { readonly kind: "ending"; readonly ending: AnswerEnding };

/** `idle` is loaded when somebody asks for it. */
export type ModelState = "ready" | "loading" | "idle" | "failed" | "unplaced";

export type ModelSummary = {
  readonly name: ModelName;
  readonly state: ModelState;
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
  /** Tokens per slot; 0 while unknown. */
  readonly contextLength: number;
  readonly readyReplicas: number;
  readonly createdAtMs: number;
  /** How far the first replica is; null when none is on its way. */
  readonly loading: LoadingOutlook | null;
  /** Whether any one node may die and the model still answers. */
  readonly survivesNodeLoss: boolean;
  /** As its files name it, such as llama; empty while unknown. */
  readonly architecture: string;
  /** What else its file says; null while unknown. */
  readonly card: ModelCard | null;
  /** None while unknown. */
  readonly files: readonly ModelFile[];
  /** Whether it is made to write text, as far as is known. */
  readonly writes: boolean;
  /** Whether vectors may be asked of it, as far as is known. */
  readonly embeds: boolean;
  /** SHA-256 of its first file; empty while nobody has read it. */
  readonly digest: string;
};

export type Readiness = { readonly isReady: boolean; readonly reasons: readonly string[] };

/** A prompt as token ids. */
export type CountedPrompt = {
  /** All of them, or the beginning of a prompt that no slot takes. */
  readonly tokenIds: readonly number[];
  /** Tokens of such a prompt that are counted and not listed; else 0. */
  readonly tokensLeftOut: number;
};

/** How many tokens a prompt has, those that are not listed included. */
export function countOf({ tokenIds, tokensLeftOut }: CountedPrompt): number {
  return tokenIds.length + tokensLeftOut;
}
