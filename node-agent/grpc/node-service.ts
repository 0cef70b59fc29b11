// The Node service: what the coordinator calls.
import type { EmbedInput__Output } from "@pomona/proto/generated/pomona/v1/EmbedInput";
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeGenerateResponse } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";
import { type ResponseStream, streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import type { GrpcService } from "@pomona/shared/grpc/server";
import { attemptFrameToWire, attemptFromWire, attemptToWire } from "@pomona/shared/grpc/wire";
import { checkHexId, checkLength, checkReplicaId, checkText, textLengthMax } from "@pomona/shared/grpc/wire-checks";
import { answerFormToWire, tokenizeInputFromWire } from "@pomona/shared/grpc/wire-prompt";
import {
  nodeStatusToWire,
  replicaSpecFromWire,
  replicaStatusToWire,
  runningAttemptToWire,
} from "@pomona/shared/grpc/wire-status";
import type { AttemptId } from "../core/held-attempts.ts";
import type { AttemptReader, EmbedInput, NodePort, StatesPort } from "../node-port.ts";
import { fileHandlers } from "./file-handlers.ts";
import { nodeDefinition } from "./file-piece.ts";
import { stateHandlers } from "./state-handlers.ts";

/** More than all slots of a node, ended attempts included. */
const liveAttemptsMax = 1 << 16;

/** Calls back for each heartbeat until the returned function is called. */
export type OnHeartbeat = (listener: () => void) => () => void;

/** Translates `pomona.v1.Node` to the node-agent. */
export function nodeService(node: NodePort, states: StatesPort, onHeartbeat: OnHeartbeat): GrpcService {
  const implementation: NodeHandlers = {
    Generate: streamHandler(async (wire, stream) => {
      const reader = await node.attempts.start(attemptFromWire(wire), stream.signal);
      await follow({ reader, stream, wrap: (response) => response });
    }),
    Attach: streamHandler(async ({ fromIndex, ...id }, stream) => {
      const reader = node.attempts.attach(attemptIdOf(id), fromIndex, stream.signal);
      if (fromIndex === 0) void stream.send({ request: attemptToWire(reader.attempt) });
      await follow({ reader, stream, wrap: (response) => ({ response }) });
    }),
    CancelAttempt: unaryHandler((wire) => {
      node.attempts.cancel(attemptIdOf(wire));
      return {};
    }),
    KeepAttempts: unaryHandler((wire) => {
      const live = checkLength("live", wire.live, liveAttemptsMax).map(attemptIdOf);
      return { kept: node.attempts.keep(live).map(runningAttemptToWire) };
    }),
    Tokenize: unaryHandler(async (wire, { signal }) => {
      const replicaId = checkReplicaId("replica_id", wire.replicaId);
      const { tokenIds, tokensLeftOut, stop, stopTokenIds, sharedTokens, form } = await node.tokenize(
        replicaId,
        tokenizeInputFromWire(wire),
        signal,
      );
      const stops = { stop: [...stop], stopTokenIds: [...(stopTokenIds ?? [])] };
      return { tokenIds: [...tokenIds], tokensLeftOut, ...stops, sharedTokens, ...answerFormToWire(form) };
    }),
    Embed: unaryHandler(async (wire, { signal }) => {
      const replicaId = checkReplicaId("replica_id", wire.replicaId);
      const inputs = wire.inputs.map(embedInputFromWire);
      const embedded = await node.embed(replicaId, inputs, signal);
      return { embeddings: embedded.map(({ vector, tokens }) => ({ values: [...vector], tokens })) };
    }),
    Rank: unaryHandler(async ({ replicaId, query, documents }, { signal }) => {
      const call = { query, documents };
      const { scores, tokens } = await node.rank(checkReplicaId("replica_id", replicaId), call, signal);
      return { scores: [...scores], tokens: [...tokens] };
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
    ...stateHandlers(states),
    Drain: unaryHandler(({ isOver }) => {
      node.setDraining(!isOver);
      return {};
    }),
  };
  return { definition: nodeDefinition(), implementation };
}

function embedInputFromWire({ tokenIds, text }: EmbedInput__Output, index: number): EmbedInput {
  if (tokenIds.length > 0) return { kind: "tokens", tokenIds };
  return { kind: "plainText", text: checkText(`inputs[${index}]`, text, textLengthMax) };
}

type Follow<Response> = {
  readonly reader: AttemptReader;
  readonly stream: ResponseStream<Response>;
  readonly wrap: (response: NodeGenerateResponse) => Response;
};

/**
 * Sends an attempt's frames until its ending, as fast as they are read. What it has not sent stays in the attempt's log,
 * which is no longer for a reader that stalls.
 */
async function follow<Response>({ reader, stream, wrap }: Follow<Response>): Promise<void> {
  const { requestId, epoch } = reader.attempt;
  let hasEnding = false;
  try {
    while (!stream.signal.aborted) {
      const frame = reader.next();
      if (frame === null) {
        await reader.wait();
        continue;
      }
      const message = wrap(attemptFrameToWire({ requestId, epoch, frame }));
      if (frame.kind === "ending") {
        // What was written to a connection that is broken already has reached nobody.
        hasEnding = await stream.sendConfirmed(message);
        return;
      }
      await stream.send(message);
    }
  } finally {
    reader.leave(hasEnding);
  }
}

/** @throws PomonaError `invalid_request` for what is no request id. */
function attemptIdOf({ requestId, epoch }: { readonly requestId: string; readonly epoch: number }): AttemptId {
  return { requestId: checkHexId("request_id", requestId), epoch };
}
