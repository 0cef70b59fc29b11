// Placements in motion, for the tests and for plans: decisions carried out at once.
import type { PlacementDecision, PlacementNode, PlacementProblem, PlacementReplica } from "./problem.ts";

/** What the pool looks like when everything was carried out: loads have ended, what was idle has left. */
export function carriedOut(problem: PlacementProblem, decisions: readonly PlacementDecision[]): PlacementProblem {
  const nodes = problem.nodes.map((node) => afterDecisions(problem, node, decisions));
  const isThere = (model: string): boolean =>
    nodes.some(({ replicas }) => replicas.some((each) => each.model === model));
  const fetched = new Set(decisions.flatMap((each) => (each.kind === "fetch" ? [`${each.model}@${each.nodeId}`] : [])));
  const models = problem.models.map((model) => ({
    ...model,
    waiting: isThere(model.model) ? 0 : model.waiting,
    isPressed: false,
    options: new Map(
      [...model.options].map(([nodeId, option]) => [
        nodeId,
        fetched.has(`${model.model}@${nodeId}`) ? { ...option, hasFiles: true } : option,
      ]),
    ),
  }));
  return { nodes, models };
}

function afterDecisions(
  problem: PlacementProblem,
  node: PlacementNode,
  decisions: readonly PlacementDecision[],
): PlacementNode {
  const own = decisions.filter(({ nodeId }) => nodeId === node.nodeId);
  const leaving = new Set(own.flatMap((each) => (each.kind === "retire" ? [each.replicaId] : [])));
  const moving = new Set(decisions.flatMap((each) => (each.kind === "load" ? [each.insteadOf] : [])));
  const stays = node.replicas.flatMap((listed): PlacementReplica[] => {
    const replica = moving.has(listed.replicaId) ? { ...listed, isMoving: true } : listed;
    if (!leaving.has(replica.replicaId) && replica.state !== "leaving") return [{ ...replica, state: "ready" }];
    return replica.isBusy ? [{ ...replica, isBusy: false, state: "leaving" }] : [];
  });
  const loaded = own.flatMap((each): PlacementReplica[] => {
    const option = problem.models.find(({ model }) => model === each.model)?.options.get(node.nodeId);
    if (each.kind !== "load" || option === undefined) return [];
    return [
      {
        replicaId: `new-${each.model}@${node.nodeId}`,
        model: each.model,
        memory: option.memory,
        state: "ready",
        isCurrent: true,
        isBusy: false,
        isMoving: false,
        idleFor: 0,
        residentFor: 0,
        reloadSeconds: option.readyIn,
      },
    ];
  });
  return { ...node, loadingLeft: null, replicas: [...stays, ...loaded] };
}

/** The same some seconds later, without anybody asking for anything. */
export function later(problem: PlacementProblem, seconds: number): PlacementProblem {
  return {
    nodes: problem.nodes.map((node) => ({
      ...node,
      replicas: node.replicas.map((replica) => ({
        ...replica,
        idleFor: replica.idleFor + seconds,
        residentFor: replica.residentFor + seconds,
      })),
    })),
    models: problem.models.map((model) => ({ ...model, idleFor: model.idleFor + seconds })),
  };
}
