// What goes wrong in a run, when, and to whom. All of it follows from the seed.
import type { DeploymentSpec, NodeSettings } from "@pomona/shared/core/deployment";
import type { NodeId } from "@pomona/shared/core/ids";
import type { Random } from "./random.ts";
import type { SimulatedPool } from "./simulated-pool.ts";

type Inject = (pool: SimulatedPool, nodeId: NodeId) => boolean;

/** Each does something wrong, and says whether it found a victim. `nodeId` is any node. */
const injectors = {
  processKill: (pool, nodeId) => pool.kill(nodeId, pool.random.between(20, pool.random.chance(0.3) ? 100 : 8000)),
  partition: (pool, nodeId) => isolate(pool, nodeId),
  linkReset: (pool, nodeId) => pool.resetLink(nodeId),
  hang: (pool, nodeId) => pool.hang(nodeId, pool.random.between(300, 6000)),
  muteHeartbeats: (pool, nodeId) => pool.mute(nodeId, pool.random.between(1000, 6000)),
  engineCrash: (pool, nodeId) => pool.crashEngine(nodeId),
  // A crash is what makes a node load again.
  failingLoad: (pool, nodeId) => pool.planFault(nodeId, "failLoads") && pool.crashEngine(nodeId),
  heartbeatLoss: (pool, nodeId) => loseHeartbeats(pool, nodeId),
  natsOutage: (pool) => pool.nats.crash(pool.random.between(500, 8000), false),
  slowLink: (pool, nodeId) => slowDown(pool, nodeId),
  lostToken: (pool, nodeId) => pool.planFault(nodeId, "loseTokens"),
  refusal: (pool, nodeId) => pool.planFault(nodeId, "refuseAttempts"),
  drain: (pool, nodeId) => pool.drain(nodeId, pool.random.between(500, 3000)),
  poisonRequest: (pool) => pool.requestPoison(),
  staleHeartbeat: (pool, nodeId) => pool.replayHeartbeat(nodeId),
  coordinatorCrash: (pool) => pool.coordinators.crash(pool.random.between(100, pool.random.chance(0.5) ? 1500 : 8000)),
  coordinatorStop: (pool) => pool.coordinators.stop(pool.random.between(100, 3000)),
  failingPull: (pool, nodeId) => pool.planFault(nodeId, "failPulls"),
  deploymentEdit: (pool) => editDeployment(pool),
  deploymentRemoval: (pool) => removeDeployment(pool),
  nodeSettings: (pool, nodeId) => setNode(pool, nodeId),
  coordinatorPause: (pool) => pool.coordinators.pause(pool.random.between(300, 10_000)),
  coordinatorCutOff: (pool) => pool.coordinators.cutOff(pool.random.between(300, 8000)),
  coordinatorWithoutNats: (pool) => pool.coordinators.cutFromNats(pool.random.between(300, 8000)),
  coordinatorSplit: (pool) => pool.coordinators.split(pool.random.between(2000, 10_000)),
  coordinatorClockDrift: (pool) => pool.coordinators.setClockRate(pool.random.between(0.95, 1.05)),
  natsPause: (pool) => pool.nats.pause(pool.random.between(500, 8000)),
  natsEmptied: (pool) => pool.nats.crash(pool.random.between(500, 8000), true),
  natsSlow: (pool) => slowNats(pool),
  clockDrift: (pool, nodeId) => pool.setClockRate(nodeId, pool.random.between(0.95, 1.05)),
  lateFrames: (pool, nodeId) => pool.planFault(nodeId, "lateFrames"),
  duplicateFrame: (pool, nodeId) => pool.planFault(nodeId, "duplicateFrames"),
  alienIds: (pool, nodeId) => pool.planFault(nodeId, "alienFrames"),
} as const satisfies Record<string, Inject>;

export type FaultKind = keyof typeof injectors;

/** Every kind of fault that a run may hold: an object literal has the keys of its type. */
export const faultKinds = Object.keys(injectors) as FaultKind[];

/** How often each fault took hold: one that finds no victim does not count. */
export type FaultCounts = Record<FaultKind, number>;

export function noFaults(): FaultCounts {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as FaultCounts;
}

/** Does something wrong now. Returns whether it found a victim. */
export function injectFault(pool: SimulatedPool, kind: FaultKind): boolean {
  const inject: Inject = injectors[kind];
  return inject(pool, pool.random.pick(pool.machines).nodeId);
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

function loseHeartbeats({ conditions: { withoutNats }, time, random }: SimulatedPool, nodeId: NodeId): boolean {
  if (withoutNats.has(nodeId)) return false;
  withoutNats.add(nodeId);
  time.after(random.between(500, 5000), () => withoutNats.delete(nodeId));
  return true;
}

function slowNats({ nats, time, random }: SimulatedPool): boolean {
  nats.addedDelayMs = random.between(50, random.chance(0.3) ? 2000 : 400);
  time.after(random.between(1000, 8000), () => {
    nats.addedDelayMs = 0;
  });
  return true;
}

function slowDown(pool: SimulatedPool, nodeId: NodeId): boolean {
  const { addedDelayMs } = pool.conditions;
  addedDelayMs.set(nodeId, pool.random.between(20, 300));
  pool.time.after(pool.random.between(1000, 5000), () => addedDelayMs.delete(nodeId));
  return true;
}

/** When which fault happens: a handful in each run, so that every kind comes up within some seeds. */
export function planFaults(random: Random, kinds: readonly FaultKind[], durationMs: number): [number, FaultKind][] {
  if (kinds.length === 0) return [];
  const count = random.integer(3, 10);
  return Array.from({ length: count }, () => [random.between(1500, durationMs), random.pick(kinds)]);
}
