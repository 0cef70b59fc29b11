// What the loop needs of the world. Types only.
import type { ModelName } from "@pomona/shared/core/ids";
import type { PinnedSource } from "@pomona/shared/core/model-files";
import type { Clock } from "@pomona/shared/runtime/clock";
import type { Logger } from "@pomona/shared/runtime/logger";
import type { Announcement } from "./core/effect.ts";
import type { NodeLinks } from "./grpc/node-links.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

export type CoordinatorDependencies = {
  readonly clock: Clock;
  readonly log: Logger;
  /** The calls to nodes that effects ask for. */
  readonly links: Pick<
    NodeLinks,
    | "connect"
    | "disconnect"
    | "loadReplica"
    | "unloadReplica"
    | "inspectModel"
    | "askSource"
    | "pullModel"
    | "cancelPull"
    | "startAttempt"
    | "cancelAttempt"
    | "keepAttempts"
    | "takeUpAttempt"
    | "holdState"
    | "dropState"
    | "tokenize"
    | "embed"
    | "rank"
  >;
  readonly metrics: CoordinatorMetrics;
  /** The pool's metrics, those of the nodes included. */
  readonly metricsText: () => Promise<string>;
  /** Keeps what a source was found to be, unless its deployment was edited since that revision. */
  readonly pin: (model: ModelName, pinned: PinnedSource, revision: number) => void;
  /** Tells the world of an announcement, over NATS while it is there. */
  readonly publish: (announcement: Announcement) => void;
};
