// What a node-agent and an engine worker tell each other. Sent with structured clone, so that bytes stay bytes.
import type { ErrorCode } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame } from "@pomona/shared/core/generation";
import type { HeldPrefix } from "@pomona/shared/core/node-status";
import type { SpeedProfile } from "@pomona/shared/core/speed-profile";
import type {
  AdoptedState,
  EngineLoadSpec,
  EngineReplicaInfo,
  Ranking,
  SequenceState,
  TokenizedPrompt,
  TokenizeInput,
} from "../engine.ts";

export type WireError = { readonly code: ErrorCode; readonly message: string; readonly field: string | null };

export type ToWorker =
  | { readonly kind: "load"; readonly spec: EngineLoadSpec }
  | { readonly kind: "generate"; readonly attempt: Attempt }
  | { readonly kind: "cancel"; readonly requestId: string; readonly epoch: number }
  | { readonly kind: "call"; readonly call: number; readonly request: CallRequest }
  /** The answer is no longer wanted. */
  | { readonly kind: "dropCall"; readonly call: number }
  | { readonly kind: "adoptState"; readonly state: AdoptedState }
  | { readonly kind: "dropState"; readonly path: string }
  /** Save what is worth it, and end. */
  | { readonly kind: "close" };

/** What is answered once. */
export type CallRequest =
  | { readonly kind: "tokenize"; readonly input: TokenizeInput }
  | { readonly kind: "saveState"; readonly requestId: string; readonly epoch: number; readonly path: string }
  | { readonly kind: "embed"; readonly inputs: readonly (readonly number[])[] }
  | { readonly kind: "rank"; readonly query: string; readonly documents: readonly string[] };

export type CallAnswer =
  | { readonly kind: "prompt"; readonly prompt: TokenizedPrompt }
  | { readonly kind: "state"; readonly state: SequenceState }
  | { readonly kind: "vectors"; readonly vectors: readonly Float32Array[] }
  | { readonly kind: "ranking"; readonly ranking: Ranking };

export type WorkerFrame = { readonly requestId: string; readonly epoch: number; readonly frame: AttemptFrame };

export type FromWorker =
  | { readonly kind: "loaded"; readonly info: EngineReplicaInfo }
  | { readonly kind: "loadFailed"; readonly error: WireError }
  /** The frames of one step, of all slots: one message costs as much as many small frames in it. */
  | { readonly kind: "frames"; readonly frames: readonly WorkerFrame[] }
  | { readonly kind: "held"; readonly held: readonly HeldPrefix[]; readonly speed: SpeedProfile | null }
  | { readonly kind: "answered"; readonly call: number; readonly answer: CallAnswer }
  | { readonly kind: "callFailed"; readonly call: number; readonly error: WireError };
