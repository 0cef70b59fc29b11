// The calls of the Node service that are about model files.
import type { NodeHandlers } from "@pomona/proto/generated/pomona/v1/Node";
import type { PullModelResponse } from "@pomona/proto/generated/pomona/v1/PullModelResponse";
import type { ReadModelFileResponse } from "@pomona/proto/generated/pomona/v1/ReadModelFileResponse";
import { type ResponseStream, streamHandler, unaryHandler } from "@pomona/shared/grpc/handlers";
import { checkAddress, checkCount, checkLength, checkText, fail } from "@pomona/shared/grpc/wire-checks";
import { checkSha256, modelFilesFromWire, modelFileToWire } from "@pomona/shared/grpc/wire-files";
import { chunkBytes, chunkRange } from "../core/transfer/chunks.ts";
import { BufferPool } from "../model-store/buffer-pool.ts";
import type { PullProgress } from "../model-store/model-store.ts";
import type { ReadableFile } from "../model-store/readable-file.ts";
import type { FilesPort } from "../node-port.ts";
import { dataOf, filePieceMessage, pieceBufferBytes } from "./file-piece.ts";
import { UploadTurns } from "./upload-turns.ts";

type FileHandlers = Pick<NodeHandlers, "InspectModel" | "PullModel" | "ReadModelFile" | "RemoveModelFile">;

const sourceLengthMax = 4096;
const peersMax = 256;
/** Measured: larger messages are not faster, smaller ones cost more processor. */
const pieceBytes = 2 ** 20;
const probeMs = 500;
const progressIntervalMs = 250;

/** Translates them to the store. */
export function fileHandlers(files: FilesPort): FileHandlers {
  const turns = new UploadTurns();
  const pieces = new BufferPool({ bytes: pieceBufferBytes(pieceBytes), keptMax: 8 });
  return {
    InspectModel: unaryHandler(async (wire, { signal }) => {
      const model = await files.inspect({
        source: checkText("source", wire.source, sourceLengthMax),
        digest: wire.digest === "" ? "" : checkSha256("digest", wire.digest),
        known: modelFilesFromWire("known", wire.known),
        signal,
      });
      return {
        files: model.files.map(modelFileToWire),
        headers: model.headers.map((header) => Buffer.from(header.buffer, header.byteOffset, header.byteLength)),
        isInPlace: model.isInPlace,
        pinnedSource: model.pinnedSource,
        variants: model.variants.map((variant) => ({
          quant: variant.quant,
          files: variant.files.map(modelFileToWire),
        })),
      };
    }),
    PullModel: streamHandler(async (wire, stream) => {
      const call = {
        files: modelFilesFromWire("files", wire.files),
        source: checkText("source", wire.source, sourceLengthMax),
        peers: checkLength("peers", wire.peers, peersMax).map((peer) => checkAddress("peers", peer)),
      };
      const report = progressReport(stream);
      try {
        await files.pull({ ...call, signal: stream.signal, onProgress: report.take });
      } finally {
        report.close();
      }
    }),
    ReadModelFile: streamHandler(async (wire, stream) => {
      const digest = checkSha256("digest", wire.digest);
      if (wire.isDoubted) files.doubt(digest);
      const offset = checkCount("offset", wire.offset);
      if (offset % chunkBytes !== 0) fail("offset", `must be a multiple of ${chunkBytes}`);
      const file = await files.openForSending(digest);
      try {
        if (wire.isProbe) await answerProbe(file, offset, stream);
        else
          await sendChunks(
            { files, file, turns, pieces, stream },
            { offset, length: checkCount("length", wire.length) },
          );
      } finally {
        await file.close();
      }
    }),
    RemoveModelFile: unaryHandler(async ({ digest }) => {
      await files.remove(checkSha256("digest", digest));
      return {};
    }),
  };
}

/** Sends how far a pull is, now and then, and at each change of its phase. */
function progressReport(stream: ResponseStream<PullModelResponse>) {
  let last: PullProgress | null = null;
  let sent = { atMs: performance.now(), heldBytes: 0, phase: "" };
  const send = (): void => {
    if (last === null) return;
    const atMs = performance.now();
    const seconds = (atMs - sent.atMs) / 1000;
    const bytesPerSecond =
      seconds > 0 && sent.phase !== "" ? Math.max(0, last.heldBytes - sent.heldBytes) / seconds : 0;
    sent = { atMs, heldBytes: last.heldBytes, phase: last.phase };
    void stream.send({ ...last, bytesPerSecond });
  };
  const timer = setInterval(send, progressIntervalMs);
  return {
    take: (progress: PullProgress): void => {
      last = progress;
      if (progress.phase !== sent.phase) send();
    },
    close: (): void => clearInterval(timer),
  };
}

async function answerProbe(
  file: ReadableFile,
  offset: number,
  stream: ResponseStream<ReadModelFileResponse>,
): Promise<void> {
  await file.waitBeyond(offset, probeMs);
  await stream.send({ heldBytes: file.heldBytes() });
}

type Sending = {
  readonly files: FilesPort;
  readonly file: ReadableFile;
  readonly turns: UploadTurns;
  readonly pieces: BufferPool;
  readonly stream: ResponseStream<ReadModelFileResponse>;
};

/** Whole chunks, as many as are held; none while another node has the line for itself. */
async function sendChunks(
  sending: Sending,
  range: { readonly offset: number; readonly length: number },
): Promise<void> {
  const { file, turns, stream } = sending;
  const end = range.length === 0 ? file.bytes : Math.min(file.bytes, range.offset + range.length);
  for (let chunk = range.offset / chunkBytes; chunk * chunkBytes < end; chunk += 1) {
    const { offset, length } = chunkRange(chunk, file.bytes);
    if (offset + length > file.heldBytes()) return await stream.send({ heldBytes: file.heldBytes() });
    const turn = { receiver: stream.peer, signal: stream.signal };
    const hasTurn = await turns.run(turn, (onMoved) => sendChunk(sending, chunk, onMoved));
    if (stream.signal.aborted) return;
    if (!hasTurn) return await stream.send({ heldBytes: file.heldBytes(), isBusy: true });
  }
}

/** The next piece is read while the last one leaves. */
async function sendChunk(
  { files, file, pieces, stream }: Sending,
  chunk: number,
  onMoved: (bytes: number) => void,
): Promise<void> {
  const { offset, length } = chunkRange(chunk, file.bytes);
  let [buffer, spare] = [pieces.take(), pieces.take()];
  let leaving = Promise.resolve();
  for (let sent = 0; sent < length && !stream.signal.aborted; ) {
    const bytes = await file.read(dataOf(buffer, Math.min(pieceBytes, length - sent)), offset + sent);
    await leaving;
    onMoved(bytes);
    // The file has become shorter: the receiver asks somebody else for the rest.
    if (bytes === 0) return;
    await files.passSent(bytes, stream.signal);
    const digestSoFar = sent + bytes === length ? (file.digestAt(chunk) ?? noBytes) : noBytes;
    const piece = { offset: offset + sent, dataBytes: bytes, digestSoFar, heldBytes: file.heldBytes() };
    leaving = stream.sendThrough(filePieceMessage(buffer, piece));
    sent += bytes;
    [buffer, spare] = [spare, buffer];
  }
  await leaving;
  // After a cut a buffer may still be on its way out.
  if (stream.signal.aborted) return;
  pieces.give(buffer);
  pieces.give(spare);
}

const noBytes = new Uint8Array(0);
