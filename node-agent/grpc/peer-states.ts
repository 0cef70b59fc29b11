// States of requests that run on other nodes, over the Node service.
import type { ReadStateResponse__Output } from "@pomona/proto/generated/pomona/v1/ReadStateResponse";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import { createTransferClient, readStream } from "@pomona/shared/grpc/client";
import { stateHeaderFromWire } from "@pomona/shared/grpc/wire-states";
import type { AttemptId } from "../core/held-attempts.ts";
import type { StateReader, StateSource } from "../peer-states.ts";

/** A connection for each state: it comes once, and its node may be gone by the next. */
export const grpcStateSource: StateSource = {
  read: async (address: string, { requestId, epoch }: AttemptId, { signal, onHeader, onPiece }: StateReader) => {
    const client = createTransferClient(address);
    let sum: number | null = null;
    const onMessage = async ({ state, data, crc32, _crc32 }: ReadStateResponse__Output): Promise<void> => {
      if (state !== null) await onHeader(stateHeaderFromWire(state));
      if (data.length > 0) await onPiece(data);
      if (_crc32 !== undefined) sum = crc32 ?? null;
    };
    try {
      const request = { requestId, epoch };
      await readStream(client, pomona.Node.service.ReadState, { request, timeoutMs: null, signal, onMessage });
    } finally {
      client.close();
    }
    if (sum === null) throw new PomonaError("transfer_failed", `${address} ended in the middle of a state`);
    return sum;
  },
};
