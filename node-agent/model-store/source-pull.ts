// A file from its source: one stream, in order, taken up again where it broke off.
import type { Hash } from "node:crypto";
import { PomonaError } from "@pomona/shared/core/errors";
import { chunkBytes, chunkRange } from "../core/transfer/chunks.ts";
import type { PartialFile } from "./partial-file.ts";
import { readBody, requestSource, type SourcePolicy, type SourceResponse } from "./sources/guarded-request.ts";
import { SourceRefusal } from "./sources/source-refusal.ts";

export type SourcePullCall = {
  readonly url: URL;
  readonly partial: PartialFile;
  readonly signal: AbortSignal;
};

export type SourcePullDependencies = {
  readonly policy: SourcePolicy;
  /** Resolves when the bytes may be taken; told of every piece. */
  readonly onBytes: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** More of the file is on disk. */
  readonly onWritten: () => void;
};

/** @throws PomonaError `transfer_failed`, `disk_full`, `cancelled`; SourceRefusal for what will not change. */
export async function pullFromSource(call: SourcePullCall, dependencies: SourcePullDependencies): Promise<void> {
  const { url, partial, signal } = call;
  const first = partial.heldBytes;
  const request = { url, range: first === 0 ? null : { first, last: null }, signal };
  const response = await requestSource(request, dependencies.policy);
  try {
    await placeAnswer(response, partial, url);
    await takeBody(readBody(response, request, dependencies.policy), call, dependencies);
  } finally {
    response.body.destroy();
  }
}

/** Makes the beginning that is held fit what the source sends. */
async function placeAnswer(response: SourceResponse, partial: PartialFile, url: URL): Promise<void> {
  const { name, bytes } = partial.spec;
  const total = response.totalBytes ?? response.first + response.length;
  if (response.status === 416 || total !== bytes) {
    const told = response.status === 416 ? "is shorter" : `has ${total} bytes`;
    const message = `${name} at ${url.origin} ${told}, and ${bytes} were promised: the source has another file now`;
    throw new SourceRefusal("transfer_failed", message);
  }
  if (response.first === partial.heldBytes) return;
  if (response.first !== 0) {
    const message = `${url.origin} sends ${name} from byte ${response.first} instead of ${partial.heldBytes}: take another source`;
    throw new SourceRefusal("transfer_failed", message);
  }
  // It knows no ranges.
  await partial.discard();
}

async function takeBody(
  body: AsyncIterable<Buffer>,
  { partial, signal }: SourcePullCall,
  { onBytes, onWritten }: SourcePullDependencies,
): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(chunkBytes);
  let came = 0;
  let missing = missingOf(partial);
  let hash: Hash = partial.hash();
  for await (const piece of body) {
    await onBytes(piece.length, signal);
    for (let rest = piece; rest.length > 0; ) {
      const taken = rest.subarray(0, missing);
      rest = rest.subarray(taken.length);
      if (taken.length === 0) throw new PomonaError("transfer_failed", `${partial.spec.name} goes on after its end`);
      hash.update(taken);
      chunk.set(taken, came);
      came += taken.length;
      missing -= taken.length;
      if (missing > 0) continue;
      await partial.append(chunk.subarray(0, came), hash);
      onWritten();
      came = 0;
      missing = missingOf(partial);
      hash = partial.hash();
    }
  }
}

/** Of the chunk that is due. */
function missingOf(partial: PartialFile): number {
  return chunkRange(partial.chunks, partial.spec.bytes).length;
}
