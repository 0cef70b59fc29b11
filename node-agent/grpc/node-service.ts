// The Node service: what the coordinator calls.
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeGenerateResponse } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import type { AttemptFrame } from "@pomona/shared/core/generation";
import { type ResponseStream, streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import type { GrpcService } from "@pomona/shared/grpc/server";
import { attemptFrameToWire, attemptFromWire, attemptToWire } from "@pomona/shared/grpc/wire";
import { checkReplicaId } from "@pomona/shared/grpc/wire-checks";
import { tokenizeInputFromWire } from "@pomona/shared/grpc/wire-prompt";
import { nodeStatusToWire, replicaSpecFromWire, replicaStatusToWire } from "@pomona/shared/grpc/wire-status";
import type { NodePort, RunningAttemptLog } from "../node-port.ts";
import { fileHandlers } from "./file-handlers.ts";
import { nodeDefinition } from "./file-piece.ts";

/** Calls back for each heartbeat until the returned function is called. */
export type OnHeartbeat = (listener: () => void) => () => void;

/** Translates `pomona.v1.Node` to the node-agent. */
export function nodeService(node: NodePort, onHeartbeat: OnHeartbeat): GrpcService {
  const implementation: NodeHandlers = {
    Generate: streamHandler(async (wire, stream) => {
      const running = node.startAttempt(attemptFromWire(wire));
      await follow(node, { running, fromIndex: 0, stream, wrap: (response) => response });
    }),
    Attach: streamHandler(async ({ requestId, epoch, fromIndex }, stream) => {
      const running = node.runningAttempt(requestId, epoch);
      if (fromIndex === 0) await stream.send({ request: attemptToWire(running.attempt) });
      await follow(node, { running, fromIndex, stream, wrap: (response) => ({ response }) });
    }),
    Tokenize: unaryHandler(async (wire, { signal }) => {
      const replicaId = checkReplicaId("replica_id", wire.replicaId);
      const prompt = await node.tokenize(replicaId, tokenizeInputFromWire(wire), signal);
      return { ...prompt, tokenIds: [...prompt.tokenIds], stop: [...prompt.stop] };
    }),
    Embed: unaryHandler(async (wire, { signal }) => {
      const replicaId = checkReplicaId("replica_id", wire.replicaId);
      const inputs = wire.inputs.map(({ tokenIds }) => tokenIds);
      const vectors = await node.embed(replicaId, inputs, signal);
      return { embeddings: vectors.map((values) => ({ values: [...values] })) };
    }),
    Rank: unaryHandler(async ({ replicaId, query, documents }, { signal }) => {
      const scores = await node.rank(checkReplicaId("replica_id", replicaId), { query, documents }, signal);
      return { scores: [...scores] };
    }),
    WatchStatus: streamHandler(async (_wire, stream) => {
      await stream.send({ status: nodeStatusToWire(node.status()) });
      await new Promise<void>((resolve) => {
        const leave = onHeartbeat(() => void stream.send({ status: nodeStatusToWire(node.status()) }));
        stream.signal.addEventListener("abort", () => {
          leave();
          resolve();
        });
      });
    }),
    LoadReplica: unaryHandler(async (wire, { signal }) => {
      const replicaId = checkReplicaId("replica_id", wire.replicaId);
      return { replica: replicaStatusToWire(await node.load(replicaId, replicaSpecFromWire(wire.spec), signal)) };
    }),
    UnloadReplica: unaryHandler(async ({ replicaId }) => {
      await node.unload(replicaId);
      return {};
    }),
    ListReplicas: unaryHandler(() => ({ replicas: node.replicas().map(replicaStatusToWire) })),
    ...fileHandlers(node.files),
    Drain: unaryHandler(({ isOver }) => {
      node.setDraining(!isOver);
      return {};
    }),
  };
  return { definition: nodeDefinition(), implementation };
}

type Follow<Response> = {
  readonly running: RunningAttemptLog;
  readonly fromIndex: number;
  readonly stream: ResponseStream<Response>;
  readonly wrap: (response: NodeGenerateResponse) => Response;
};

/** Sends an attempt's frames until its ending. When the last reader leaves early, the attempt is cancelled at once. */
async function follow<Response>(node: NodePort, { running, fromIndex, stream, wrap }: Follow<Response>): Promise<void> {
  const { requestId, epoch } = running.attempt;
  const waiting: AttemptFrame[] = [];
  let wake = (): void => undefined;
  const leave = running.read(fromIndex, (frame) => {
    waiting.push(frame);
    wake();
  });
  stream.signal.addEventListener("abort", () => wake());
  try {
    while (!stream.signal.aborted) {
      const frame = waiting.shift();
      if (frame === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      await stream.send(wrap(attemptFrameToWire({ requestId, epoch, frame })));
      if (frame.kind === "ending") return;
    }
  } finally {
    leave();
    if (!running.hasReaders) node.cancelAttempt(running);
  }
}
