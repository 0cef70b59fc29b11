// States of running requests that nodes hold for each other: a call lasts as long as the state is held.
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import { pomona } from "@pomona/proto/load";
import { toPomonaError } from "@pomona/shared/core/errors";
import { failureOf, type GenerationFailure } from "@pomona/shared/core/generation";
import type { NodeId } from "@pomona/shared/core/ids";
import { readStream } from "@pomona/shared/grpc/client";
import type { EffectOf } from "../core/effect.ts";
import type { ClusterEvent } from "../core/event.ts";

type Dependencies = {
  readonly onEvent: (event: ClusterEvent) => void;
  /** @throws PomonaError `node_lost`. */
  readonly link: (nodeId: NodeId) => { readonly client: NodeClient; readonly closed: AbortController };
};

export class StateCalls {
  readonly #dependencies: Dependencies;
  readonly #held = new Map<string, AbortController>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  async hold({ nodeId, replicaId, requestId, epoch, peer, timeoutMs }: EffectOf<"holdState">): Promise<void> {
    const { onEvent, link } = this.#dependencies;
    const key = keyOf({ nodeId, requestId, epoch });
    const dropped = new AbortController();
    this.#held.set(key, dropped);
    let failure: GenerationFailure | null = null;
    try {
      const { client, closed } = link(nodeId);
      await readStream(client, pomona.Node.service.HoldState, {
        request: { requestId, epoch, replicaId, peer, timeoutMs },
        timeoutMs: null,
        signal: AbortSignal.any([closed.signal, dropped.signal]),
        onMessage: ({ bytes, transferMs }) =>
          onEvent({ kind: "stateHeld", nodeId, requestId, epoch, bytes, transferMs }),
      });
    } catch (thrown) {
      failure = failureOf(toPomonaError(thrown));
    }
    if (this.#held.get(key) === dropped) this.#held.delete(key);
    if (!dropped.signal.aborted) onEvent({ kind: "stateGone", nodeId, requestId, epoch, failure });
  }

  drop(effect: EffectOf<"dropState">): void {
    this.#held.get(keyOf(effect))?.abort();
  }
}

function keyOf({ nodeId, requestId, epoch }: Omit<EffectOf<"dropState">, "kind">): string {
  return `${nodeId}/${requestId}/${epoch}`;
}
