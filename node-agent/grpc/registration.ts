// Makes a node known to a coordinator, and again when that one was restarted.
import { pomona } from "@pomona/proto/load";
import { PomonaError, toPomonaError } from "@pomona/shared/core/errors";
import { isClusterName } from "@pomona/shared/core/ids";
import type { NodeStatus } from "@pomona/shared/core/node-status";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { callUnary, createClusterClient } from "@pomona/shared/grpc/client";
import { checkLength } from "@pomona/shared/grpc/wire-checks";
import { nodeStatusToWire } from "@pomona/shared/grpc/wire-status";
import type { Logger } from "@pomona/shared/runtime/logger";
import { jittered, pause } from "@pomona/shared/runtime/pause";

const coordinatorsMax = 64;
const callTimeoutMs = 2000;
const retryMinMs = 200;
const retryMaxMs = 2000;
/** A registered node says so again this often: a restarted coordinator knows nobody. */
const repeatMs = 2000;

/** What a coordinator tells a node about the pool. */
export type Pool = {
  readonly cluster: string;
  readonly natsUrls: readonly string[];
  /** host:port of all coordinators, the active one first. */
  readonly coordinators: readonly string[];
};

export type RegistrationDependencies = {
  /** host:port of coordinators, the likeliest first; asked anew before each try. */
  readonly coordinators: () => readonly string[];
  readonly status: () => NodeStatus;
  readonly onPool: (pool: Pool) => void;
  readonly log: Logger;
};

/** Registers, for ever. Returns how to stop. */
export function keepRegistered(dependencies: RegistrationDependencies): () => void {
  const closing = new AbortController();
  void run(dependencies, closing.signal);
  return () => closing.abort();
}

async function run(dependencies: RegistrationDependencies, signal: AbortSignal): Promise<void> {
  const { log } = dependencies;
  let retryMs = retryMinMs;
  let isRegistered = false;
  while (!signal.aborted) {
    const pool = await registerAtOne(dependencies, signal);
    if (pool !== null) {
      if (!isRegistered) log.info({ cluster: pool.cluster }, "registered with the coordinator");
      dependencies.onPool(pool);
      retryMs = retryMinMs;
    } else if (isRegistered) log.warn("the coordinator does not answer");
    isRegistered = pool !== null;
    await pause(jittered(isRegistered ? repeatMs : retryMs), signal);
    if (!isRegistered) retryMs = Math.min(retryMs * 2, retryMaxMs);
  }
}

async function registerAtOne(dependencies: RegistrationDependencies, signal: AbortSignal): Promise<Pool | null> {
  for (const address of dependencies.coordinators()) {
    try {
      return await register(address, dependencies.status(), signal);
    } catch (thrown) {
      const { code, message } = toPomonaError(thrown);
      dependencies.log.debug({ address, code, message }, "registering failed");
    }
  }
  return null;
}

async function register(address: string, status: NodeStatus, signal: AbortSignal): Promise<Pool> {
  const client = createClusterClient(address);
  try {
    const request = { status: nodeStatusToWire(status) };
    const answer = await callUnary(client, pomona.Cluster.service.Register, {
      request,
      timeoutMs: callTimeoutMs,
      signal,
    });
    if (!isClusterName(answer.cluster))
      throw new PomonaError("invalid_request", "the coordinator sent no cluster name");
    const coordinators = checkLength("coordinators", answer.coordinators, coordinatorsMax);
    for (const each of coordinators) parseHostAndPort(each);
    return { cluster: answer.cluster, natsUrls: answer.natsUrls, coordinators };
  } finally {
    client.close();
  }
}
