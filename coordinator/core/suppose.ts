// What if: a copy of the state in which something else is wanted, or some nodes have died.
import { PomonaError } from "@pomona/shared/core/errors";
import { removeDeployment, setDeployment } from "./deployments.ts";
import type { PlanRequest } from "./placement/placement-report.ts";
import type { ClusterState, Member, StepContext } from "./state.ts";

/** Changes nothing of the state that it is given. @throws PomonaError `not_found` for a node or model that is not known. */
export function suppose({ state, nowMs, config }: StepContext, request: PlanRequest): StepContext {
  const supposed: StepContext = { state: copyOf(state), nowMs, config };
  for (const nodeId of request.lostNodes) {
    if (!supposed.state.members.delete(nodeId)) throw new PomonaError("not_found", `no node ${nodeId} is known`);
  }
  for (const model of request.removedModels) {
    if (!supposed.state.deployments.has(model)) throw new PomonaError("not_found", `no deployment ${model} is known`);
    removeDeployment(supposed.state, model);
  }
  for (const spec of request.deployments) {
    const known = state.deployments.get(spec.model)?.record;
    const isSameSource = known?.spec.source === spec.source && known.spec.digest === spec.digest;
    const pinned = isSameSource ? known.pinned : null;
    setDeployment(supposed, { spec, pinned, revision: -1, createdAtMs: known?.createdAtMs ?? 0 });
  }
  return supposed;
}

/** As deep as anything is changed while a plan is made; requests and what is bound are read alone. */
function copyOf(state: ClusterState): ClusterState {
  return {
    ...state,
    members: new Map([...state.members].map(([nodeId, member]) => [nodeId, memberOf(member)])),
    deployments: new Map([...state.deployments].map(([model, deployment]) => [model, { ...deployment }])),
    demand: new Map(state.demand),
    variants: new Map(state.variants),
    pressedSinceMs: new Map(state.pressedSinceMs),
  };
}

function memberOf(member: Member): Member {
  return {
    ...member,
    leaving: new Map(member.leaving),
    moving: new Set(member.moving),
    sources: new Map(member.sources),
    loadFailures: new Map(member.loadFailures),
    pullFailures: new Map(member.pullFailures),
  };
}
