// What a node-agent and an engine worker tell each other. Sent with structured clone, so that bytes stay bytes.
import type { ErrorCode } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame, PromptInput } from "@pomona/shared/core/generation";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import type { EngineLoadSpec, EngineReplicaInfo, TokenizedPrompt } from "../engine.ts";

export type WireError = { readonly code: ErrorCode; readonly message: string };

export type ToWorker =
  | { readonly kind: "load"; readonly spec: EngineLoadSpec }
  | { readonly kind: "generate"; readonly attempt: Attempt }
  | { readonly kind: "cancel"; readonly requestId: string; readonly epoch: number }
  /** Save what is worth it, and end. */
  | { readonly kind: "close" }
  | { readonly kind: "tokenize"; readonly call: number; readonly input: PromptInput };

export type WorkerFrame = { readonly requestId: string; readonly epoch: number; readonly frame: AttemptFrame };

export type FromWorker =
  | { readonly kind: "loaded"; readonly info: EngineReplicaInfo }
  | { readonly kind: "loadFailed"; readonly error: WireError }
  /** The frames of one step, of all slots: one message costs as much as many small frames in it. */
  | { readonly kind: "frames"; readonly frames: readonly WorkerFrame[] }
  | { readonly kind: "tokenized"; readonly call: number; readonly prompt: TokenizedPrompt }
  | { readonly kind: "held"; readonly held: readonly HeldPrefix[] }
  | { readonly kind: "tokenizeFailed"; readonly call: number; readonly error: WireError };
