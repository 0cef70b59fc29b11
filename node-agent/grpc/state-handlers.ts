import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import { streamHandler } from "@pomona/shared/grpc/handlers";
import { checkAddress, checkHexId, checkInteger, checkReplicaId } from "@pomona/shared/grpc/wire-checks";
import { stateHeaderToWire } from "@pomona/shared/grpc/wire-states";
import type { StatesPort } from "../node-port.ts";

/** As for files: larger messages are not faster. */
const pieceBytes = 2 ** 20;
const timeoutRange = { min: 1, max: 600_000 };

/** Translates them to the states that nodes hold for each other. */
export function stateHandlers(states: StatesPort): Pick<NodeHandlers, "HoldState" | "ReadState"> {
  return {
    HoldState: streamHandler(async (wire, stream) => {
      const call = {
        requestId: checkHexId("request_id", wire.requestId),
        epoch: wire.epoch,
        replicaId: checkReplicaId("replica_id", wire.replicaId),
        peer: checkAddress("peer", wire.peer),
        timeoutMs: checkInteger("timeout_ms", wire.timeoutMs, timeoutRange),
      };
      await states.hold(call, stream.signal, (held) => void stream.send(held));
    }),
    ReadState: streamHandler(async ({ requestId, epoch }, stream) => {
      const sent = await states.send({ requestId: checkHexId("request_id", requestId), epoch });
      try {
        await stream.send({ state: stateHeaderToWire(sent.header) });
        const buffer = Buffer.allocUnsafeSlow(pieceBytes);
        while (!stream.signal.aborted) {
          const bytes = await sent.read(buffer, stream.signal);
          if (bytes === 0) return await stream.send({ crc32: sent.crc32() });
          // The buffer is used again: it has to have left.
          await stream.sendThrough({ data: buffer.subarray(0, bytes) });
        }
      } finally {
        await sent.close();
      }
    }),
  };
}
