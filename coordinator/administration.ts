// The port between the adapters that administrators use (grpc/, http/) and what carries their wishes out. Types only.
import type {
  DeploymentRecord,
  DeploymentSpec,
  NodeSettings,
  NodeSettingsRecord,
} from "@pomona/shared/core/deployment";
import type { ModelName, NodeId } from "@pomona/shared/core/ids";
import type { PlacementReport, PlanRequest } from "./core/placement/placement-report.ts";
import type { EventStart, LoggedEvent } from "./event-log.ts";

export type Administration = {
  readonly desired: DesiredStatePort;
  readonly events: EventPort;
  /** Where models are and would go. Changes nothing. @throws PomonaError `not_found` for a node that is not known. */
  plan(request: PlanRequest, signal: AbortSignal): Promise<PlacementReport>;
};

/** What should run. Edits are decided by revision: whoever loses is told `conflict`. */
export type DesiredStatePort = {
  deployments(): readonly DeploymentRecord[];
  /**
   * @param expectedRevision the one that the edit was made from, 0 for a deployment that must not be there yet, null for
   * whichever.
   * @throws PomonaError `conflict`, or `failed_precondition` when nothing can be written now.
   */
  putDeployment(spec: DeploymentSpec, expectedRevision: number | null): Promise<DeploymentRecord>;
  /** @throws PomonaError as `putDeployment`, and `not_found`. */
  removeDeployment(model: ModelName, expectedRevision: number | null): Promise<void>;
  nodeSettings(nodeId: NodeId): NodeSettingsRecord;
  /** @throws PomonaError as `putDeployment`. */
  putNodeSettings(nodeId: NodeId, settings: NodeSettings, expectedRevision: number | null): Promise<NodeSettingsRecord>;
  /** Takes the settings of a node that was forgotten off the list. @throws PomonaError as `putDeployment`. */
  forgetNode(nodeId: NodeId): Promise<void>;
};

export type EventPort = {
  follow(start: EventStart, signal: AbortSignal): AsyncIterable<LoggedEvent>;
};
