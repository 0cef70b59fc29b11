// What those that wait for a model see of the loop, and the loop of them.
import type { Clock } from "@pomona/shared/runtime/clock";
import type { AwaitedReplicasDependencies } from "./awaited-replicas.ts";
import type { ClusterEvent } from "./core/event.ts";
import { loadingOutlook, untilReadyMs } from "./core/load-time.ts";
import type { StepContext } from "./core/state.ts";

export type WaitingForModelsParts = Pick<AwaitedReplicasDependencies, "refusal" | "changed"> & {
  readonly clock: Clock;
  readonly context: () => StepContext;
  readonly take: (event: ClusterEvent) => void;
};

/** Counts whoever waits for a replica, and tells its client how far that is. */
export function waitingForModels(parts: WaitingForModelsParts): AwaitedReplicasDependencies {
  const { clock, refusal, changed, context, take } = parts;
  return {
    clock,
    refusal,
    changed,
    loading: (model) => {
      const { state, nowMs } = context();
      return { outlook: loadingOutlook(state, model, nowMs), retryAfterMs: untilReadyMs(state, model, nowMs) };
    },
    startWaiting: (model, { onLoading }) => {
      take({ kind: "modelAwaited", model, change: 1 });
      const tell = (): void => {
        const { state, nowMs } = context();
        onLoading?.(loadingOutlook(state, model, nowMs));
      };
      const telling = setInterval(tell, context().config.scheduler.tellWaitingMs);
      return () => {
        clearInterval(telling);
        take({ kind: "modelAwaited", model, change: -1 });
      };
    },
  };
}
