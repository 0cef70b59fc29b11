// What a routing policy that others use sees and decides. None of them sees how long an answer will be.
import type { MachineProfile } from "../engine/machine-profile.ts";
import type { Random } from "../random.ts";

/** A request before it is bound. */
export type VisibleRequest = {
  readonly model: string;
  readonly tenant: string;
  readonly arrivedAtMs: number;
  readonly promptTokens: number;
  readonly blocks: readonly number[];
  /** Tokens that an attempt on a lost node has given already; they have to be evaluated again. */
  readonly emittedTokens: number;
};

/** A replica as the router accounts for it. */
export type ReplicaView = {
  /** From 0; equal for the same replica over the whole run. */
  readonly index: number;
  readonly profile: MachineProfile;
  /** Requests in slots. */
  readonly running: number;
  /** Requests bound to it that wait for a slot. */
  readonly queued: number;
  /** Both, of every model on its machine. */
  readonly onMachine: number;
  /** Whether it has to be loaded first. */
  readonly isAbsent: boolean;
  /** Prompt tokens of its requests that are not evaluated yet. */
  readonly waitingPromptTokens: number;
  /** Tokens in the KV of its running requests. */
  readonly activeTokens: number;
  /** Its running requests. */
  readonly attempts: Iterable<AttemptView>;
  /** Blocks of a prompt that one of its slots holds, busy ones included. */
  readonly matchedBlocks: (blocks: readonly number[]) => number;
  /** The same without those that are busy: nothing but these can be reused. */
  readonly reusableBlocks: (blocks: readonly number[]) => number;
};

/** Tokens of a running request, as its frames tell of them. */
export type AttemptView = { readonly waitingTokens: number; readonly generatedTokens: number };

/** The state of a policy in one run. */
export type Router = {
  /** Where a request goes; null leaves it in the central queue. `replicas` has those of its model, and is not empty. */
  readonly choose: (request: VisibleRequest, replicas: readonly ReplicaView[], nowMs: number) => ReplicaView | null;
  /** The order of the central queue; that of arrival by default. */
  readonly order?: (waiting: readonly VisibleRequest[]) => VisibleRequest[];
  /** A pass over the central queue begins. */
  readonly beginPass?: () => void;
  readonly finished?: (replica: ReplicaView, request: VisibleRequest, result: AttemptResult) => void;
};

/** How a request went, once it is over; milliseconds from its binding. */
export type AttemptResult = { readonly ms: number; readonly generatedTokens: number };

export type Baseline = {
  readonly name: string;
  /**
   * `arrival` binds at once, and the replica keeps a queue; `slot` asks for the head of one central queue whenever a slot
   * is free; `plan` asks for all that wait, and is shown busy replicas too.
   */
  readonly binds: "arrival" | "slot" | "plan";
  /** Where its replicas are; `filled` by default. */
  readonly places?: Places;
  readonly start: (random: Random) => Router;
};

/**
 * `filled` machines hold as many models as fit, the biggest first, unless that leaves one without a machine. `fixed` ones hold the one that the scenario says, and
 * `single` is the first of them for each model. `on-demand` begins like `fixed`; from then on a machine loads what it is
 * asked for, and unloads what was used longest ago.
 */
export type Places = "filled" | "fixed" | "single" | "on-demand";

/** The replica with the lowest score; equal scores are drawn. Null when there is none, or all are infinite. */
export function lowest(
  replicas: readonly ReplicaView[],
  scoreOf: (replica: ReplicaView) => number,
  random: Random,
): ReplicaView | null {
  let best: ReplicaView[] = [];
  let bestScore = Number.POSITIVE_INFINITY;
  for (const replica of replicas) {
    const score = scoreOf(replica);
    if (score > bestScore || score === Number.POSITIVE_INFINITY) continue;
    if (score < bestScore) best = [];
    bestScore = score;
    best.push(replica);
  }
  return best.length === 0 ? null : random.pick(best);
}
