// What goes wrong in a run, when, and to whom. All of it follows from the seed.
import type { DeploymentSpec, NodeSettings } from "@pomona/shared/core/deployment";
import type { NodeId } from "@pomona/shared/core/ids";
import type { Random } from "./random.ts";
import type { SimulatedPool } from "./simulated-pool.ts";

/** Every kind of fault that a run may hold. */
export const faultKinds = [
  "processKill",
  "partition",
  "linkReset",
  "hang",
  "muteHeartbeats",
  "engineCrash",
  "failingLoad",
  "heartbeatLoss",
  "natsOutage",
  "slowLink",
  "lostToken",
  "refusal",
  "drain",
  "poisonRequest",
  "staleHeartbeat",
  "coordinatorRestart",
  "failingPull",
  "deploymentEdit",
  "deploymentRemoval",
  "nodeSettings",
  "coordinatorPause",
  "clockDrift",
  "lateFrames",
  "duplicateFrame",
  "alienIds",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** How often each fault took hold: one that finds no victim does not count. */
export type FaultCounts = Record<FaultKind, number>;

export function noFaults(): FaultCounts {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as FaultCounts;
}

/** Does something wrong now. Returns whether it found a victim. */
export function injectFault(pool: SimulatedPool, kind: FaultKind): boolean {
  const { random } = pool;
  const nodeId = random.pick(pool.machines).nodeId;
  switch (kind) {
    case "processKill":
      return pool.kill(nodeId, random.between(20, random.chance(0.3) ? 100 : 8000));
    case "partition":
      return isolate(pool, nodeId);
    case "linkReset":
      return pool.resetLink(nodeId);
    case "hang":
      return pool.hang(nodeId, random.between(300, 6000));
    case "muteHeartbeats":
      return pool.mute(nodeId, random.between(1000, 6000));
    case "engineCrash":
      return pool.crashEngine(nodeId);
    case "failingLoad":
      // A crash is what makes a node load again.
      return pool.planFault(nodeId, "failLoads") && pool.crashEngine(nodeId);
    case "heartbeatLoss":
      return loseHeartbeats(pool, [nodeId]);
    case "natsOutage":
      return loseHeartbeats(
        pool,
        pool.machines.map((machine) => machine.nodeId),
      );
    case "slowLink":
      return slowDown(pool, nodeId);
    case "lostToken":
      return pool.planFault(nodeId, "loseTokens");
    case "refusal":
      return pool.planFault(nodeId, "refuseAttempts");
    case "drain":
      return pool.drain(nodeId, random.between(500, 3000));
    case "poisonRequest":
      return pool.requestPoison();
    case "staleHeartbeat":
      return pool.replayHeartbeat(nodeId);
    case "coordinatorRestart":
      return pool.restartCoordinator(random.between(100, 1500));
    case "failingPull":
      return pool.planFault(nodeId, "failPulls");
    case "deploymentEdit":
      return editDeployment(pool);
    case "deploymentRemoval":
      return removeDeployment(pool);
    case "nodeSettings":
      return setNode(pool, nodeId);
    case "coordinatorPause":
      return pool.pauseCoordinator(random.between(1000, 10_000));
    case "clockDrift":
      return pool.setClockRate(nodeId, random.between(0.95, 1.05));
    case "lateFrames":
      return pool.planFault(nodeId, "lateFrames");
    case "duplicateFrame":
      return pool.planFault(nodeId, "duplicateFrames");
    case "alienIds":
      return pool.planFault(nodeId, "alienFrames");
  }
}

function editDeployment({ desired, random }: SimulatedPool): boolean {
  const deployed = desired.deployed.map(({ record }) => record.spec);
  if (deployed.length === 0) return false;
  const { model } = random.pick(deployed);
  const changes: readonly Partial<DeploymentSpec>[] = [
    { slots: random.integer(1, 4) },
    { replicas: { min: random.integer(0, 2), max: null } },
    { replicas: { min: 0, max: 1 } },
    { keepAliveMs: random.between(500, 5000) },
    { priority: random.integer(0, 1) },
    { availability: random.integer(1, 3) },
  ];
  return desired.edit(model, random.pick(changes));
}

/** For a while, or for good. */
function removeDeployment({ desired, random, time }: SimulatedPool): boolean {
  const deployed = desired.deployed.map(({ record }) => record.spec);
  if (deployed.length === 0) return false;
  const { model } = random.pick(deployed);
  if (random.chance(0.8)) time.after(random.between(10, 8000), () => desired.restore(model));
  return desired.remove(model);
}

/** Until everything that is wrong ends. */
function setNode({ desired, random }: SimulatedPool, nodeId: NodeId): boolean {
  const settings = desired.settingsOf(nodeId);
  const changes: readonly Partial<NodeSettings>[] = [
    { isCordoned: !settings.isCordoned },
    { isDraining: !settings.isDraining },
    { reservedBytes: settings.reservedBytes > 0 ? 0 : random.pick([2e9, 6e9, 20e9]) },
  ];
  desired.setNode(nodeId, { ...settings, ...random.pick(changes) });
  return true;
}

function isolate(pool: SimulatedPool, nodeId: NodeId): boolean {
  const { cutOff } = pool.conditions;
  if (cutOff.has(nodeId)) return false;
  cutOff.add(nodeId);
  pool.time.after(pool.random.between(300, 6000), () => cutOff.delete(nodeId));
  return true;
}

function loseHeartbeats(pool: SimulatedPool, nodeIds: readonly NodeId[]): boolean {
  const { withoutNats } = pool.conditions;
  for (const nodeId of nodeIds) withoutNats.add(nodeId);
  pool.time.after(pool.random.between(500, 5000), () => {
    for (const nodeId of nodeIds) withoutNats.delete(nodeId);
  });
  return true;
}

function slowDown(pool: SimulatedPool, nodeId: NodeId): boolean {
  const { addedDelayMs } = pool.conditions;
  addedDelayMs.set(nodeId, pool.random.between(20, 600));
  pool.time.after(pool.random.between(1000, 5000), () => addedDelayMs.delete(nodeId));
  return true;
}

/** When which fault happens: a handful in each run, so that every kind comes up within some seeds. */
export function planFaults(random: Random, kinds: readonly FaultKind[], durationMs: number): [number, FaultKind][] {
  if (kinds.length === 0) return [];
  const count = random.integer(3, 10);
  return Array.from({ length: count }, () => [random.between(1500, durationMs), random.pick(kinds)]);
}
