// What coordinators tell each other, as bytes: the lease, and the news of each.
import type { CoordinatorRecord, CoordinatorRecord__Output } from "@pomona/proto/generated/pomona/v1/CoordinatorRecord";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import { parseHostAndPort } from "@pomona/shared/grpc/address";
import { checkCount, checkHexId, checkLength } from "@pomona/shared/grpc/wire-checks";
import type { CoordinatorAddress, LeaseRecord } from "../core/lease.ts";

/** What a coordinator says of itself, every second. */
export type CoordinatorNews = CoordinatorAddress & {
  readonly term: number;
  readonly isActive: boolean;
  /** host:port of the nodes that are alive, from the active one. */
  readonly nodeAddresses: readonly string[];
  readonly isLeaving: boolean;
};

const nodeAddressesMax = 1024;

export function encodeLease({ holder, term }: LeaseRecord): Uint8Array {
  return pomona.CoordinatorRecord.serialize({ ...addressToWire(holder), term, isActive: holder !== null });
}

/** @throws PomonaError `invalid_request` for bytes that are no lease. */
export function decodeLease(payload: Uint8Array): LeaseRecord {
  const wire = decode(payload);
  return { holder: wire.coordinatorId === "" ? null : addressFromWire(wire), term: checkCount("term", wire.term) };
}

export function newsToWire({ nodeAddresses, ...news }: CoordinatorNews): CoordinatorRecord {
  const { term, isActive, isLeaving } = news;
  return { ...addressToWire(news), term, isActive, isLeaving, nodeAddresses: [...nodeAddresses] };
}

export function encodeNews(news: CoordinatorNews): Uint8Array {
  return pomona.CoordinatorRecord.serialize(newsToWire(news));
}

/** @throws PomonaError `invalid_request` for bytes that are no news. */
export function decodeNews(payload: Uint8Array): CoordinatorNews {
  const wire = decode(payload);
  const nodeAddresses = checkLength("node_addresses", wire.nodeAddresses, nodeAddressesMax);
  for (const address of nodeAddresses) parseHostAndPort(address);
  const { isActive, isLeaving } = wire;
  return { ...addressFromWire(wire), term: checkCount("term", wire.term), isActive, isLeaving, nodeAddresses };
}

function addressToWire(address: CoordinatorAddress | null) {
  const { id = "", httpAddress = "", grpcAddress = "" } = address ?? {};
  return { coordinatorId: id, httpAddress, grpcAddress };
}

function addressFromWire(wire: CoordinatorRecord__Output): CoordinatorAddress {
  const { httpAddress, grpcAddress } = wire;
  parseHostAndPort(httpAddress);
  parseHostAndPort(grpcAddress);
  return { id: checkHexId("coordinator_id", wire.coordinatorId), httpAddress, grpcAddress };
}

function decode(payload: Uint8Array): CoordinatorRecord__Output {
  try {
    return pomona.CoordinatorRecord.deserialize(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
  } catch (error) {
    throw new PomonaError("invalid_request", "the payload is not a CoordinatorRecord message", { cause: error });
  }
}
