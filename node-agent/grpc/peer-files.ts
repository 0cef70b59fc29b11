// Files of other nodes, over the Node service.
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { ReadModelFileRequest } from "@pomona/proto/generated/pomona/v1/ReadModelFileRequest";
import type { ReadModelFileResponse__Output } from "@pomona/proto/generated/pomona/v1/ReadModelFileResponse";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import { createTransferClient, readStream } from "@pomona/shared/grpc/client";
import { digestBytes } from "../core/transfer/chunks.ts";
import type { ChunkAnswer, ChunkRequest, PeerFiles, PieceReader } from "../model-store/peer-files.ts";

const probeTimeoutMs = 5000;
/** Connections to nodes that are kept open; the longest unused leaves first. */
const clientsMax = 32;

type ReadCall = {
  readonly request: ReadModelFileRequest;
  /** Without a message for so long the node counts as lost. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  readonly onMessage: (message: ReadModelFileResponse__Output) => void | Promise<void>;
};

export type PeerFilesConfig = {
  readonly stallMs: number;
  /** So much came in one call. */
  readonly onCame: (address: string, bytes: number, ms: number) => void;
};

/** Keeps connections to peers until `close`. */
export class GrpcPeerFiles implements PeerFiles {
  readonly #config: PeerFilesConfig;
  readonly #clients = new Map<string, NodeClient>();

  constructor(config: PeerFilesConfig) {
    this.#config = config;
  }

  async read(address: string, request: ChunkRequest, { signal, onPiece }: PieceReader): Promise<ChunkAnswer> {
    let [came, heldBytes, isBusy] = [0, 0, false];
    let digestSoFar: Uint8Array | null = null;
    const onMessage = async (message: ReadModelFileResponse__Output): Promise<void> => {
      heldBytes = Math.max(heldBytes, message.heldBytes);
      isBusy ||= message.isBusy;
      const { data } = message;
      if (message.digestSoFar.length === digestBytes) digestSoFar = message.digestSoFar;
      if (data.length === 0) return;
      came += data.length;
      if (message.offset !== request.offset + came - data.length || came > request.length) throw outOfPlace(address);
      await onPiece(data);
    };
    const { stallMs, onCame } = this.#config;
    const startedAtMs = performance.now();
    await this.#call(address, { request, stallMs, signal, onMessage });
    onCame(address, came, performance.now() - startedAtMs);
    if (came === request.length && digestSoFar !== null) return { kind: "chunk", digestSoFar, heldBytes };
    if (came > 0) throw new PomonaError("transfer_failed", `${address} ended in the middle of a chunk`);
    return { kind: isBusy ? "busy" : "notHeld", heldBytes };
  }

  async probe(address: string, request: Omit<ChunkRequest, "length">, signal: AbortSignal): Promise<number> {
    let heldBytes = 0;
    const onMessage = (message: ReadModelFileResponse__Output): void => {
      heldBytes = message.heldBytes;
    };
    await this.#call(address, { request: { ...request, isProbe: true }, stallMs: probeTimeoutMs, signal, onMessage });
    return heldBytes;
  }

  doubt(address: string, digest: string): void {
    const request = { digest, isProbe: true, isDoubted: true };
    const signal = AbortSignal.timeout(probeTimeoutMs);
    // A node that is gone needs not be told.
    this.#call(address, { request, stallMs: probeTimeoutMs, signal, onMessage: () => undefined }).catch(
      () => undefined,
    );
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #call(address: string, { request, stallMs, signal, onMessage }: ReadCall): Promise<void> {
    const stalled = new AbortController();
    const stall = (): void => {
      const message = `${address} sent nothing for ${stallMs / 1000} s: look at its network, or wait until it answers`;
      stalled.abort(new PomonaError("transfer_failed", message));
    };
    let timer = setTimeout(stall, stallMs);
    try {
      await readStream(this.#client(address), pomona.Node.service.ReadModelFile, {
        request,
        timeoutMs: null,
        signal: AbortSignal.any([signal, stalled.signal]),
        onMessage: async (message) => {
          clearTimeout(timer);
          await onMessage(message);
          timer = setTimeout(stall, stallMs);
        },
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #client(address: string): NodeClient {
    const client = this.#clients.get(address) ?? createTransferClient(address);
    this.#clients.delete(address);
    this.#clients.set(address, client);
    for (const [oldest, unused] of this.#clients) {
      if (this.#clients.size <= clientsMax) break;
      unused.close();
      this.#clients.delete(oldest);
    }
    return client;
  }
}

function outOfPlace(address: string): PomonaError {
  return new PomonaError("transfer_failed", `${address} sent bytes of another place than those that were asked for`);
}
