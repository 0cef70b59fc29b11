// The beginning of a file at a source, as long as its GGUF header and no longer.
import { PomonaError } from "@pomona/shared/core/errors";
import { ggufLimits, parseGgufHeader } from "@pomona/shared/core/gguf/reader";
import { readBody, requestSource, type SourcePolicy } from "./guarded-request.ts";
import { SourceRefusal } from "./source-refusal.ts";

/** Most headers have some megabytes, nearly all of it the vocabulary. */
const firstPieceBytes = 2 ** 20;

export type RemoteFile = {
  readonly url: URL;
  readonly name: string;
  /** Null while it is not known. */
  readonly bytes: number | null;
};

export type RemoteHeader = { readonly header: Uint8Array; readonly fileBytes: number };

/** @throws PomonaError `invalid_model` when it is none, `transfer_failed` and others of the source. */
export async function readRemoteHeader(
  file: RemoteFile,
  policy: SourcePolicy,
  signal: AbortSignal,
): Promise<RemoteHeader> {
  let bytes: Buffer = Buffer.alloc(0);
  let fileBytes = file.bytes;
  for (let wanted = firstPieceBytes; ; ) {
    const first = bytes.length;
    const range = { first, last: Math.min(wanted, fileBytes ?? wanted, ggufLimits.headerBytes) - 1 };
    const piece = await readRange(file, { range, signal }, policy);
    fileBytes = checkLength(file, fileBytes, piece.totalBytes);
    bytes = Buffer.concat([bytes, piece.data]);
    const parsed = parseGgufHeader(bytes, fileBytes, "part");
    if (parsed.kind === "header") return { header: bytes.subarray(0, parsed.header.dataOffset), fileBytes };
    if (parsed.kind === "invalid") throw new PomonaError("invalid_model", `${file.name} is ${parsed.reason}`);
    wanted = Math.max(parsed.bytes, 2 * bytes.length);
  }
}

function checkLength({ name, url }: RemoteFile, known: number | null, told: number | null): number {
  const bytes = told ?? known;
  if (bytes === null)
    throw new SourceRefusal(
      "transfer_failed",
      `${url.origin} does not say how long ${name} is: take a source that does`,
    );
  if (known === null || known === bytes) return bytes;
  throw new SourceRefusal(
    "transfer_failed",
    `${url.origin} says that ${name} has ${bytes} bytes, and said ${known} before`,
  );
}

type RangeCall = { readonly range: { readonly first: number; readonly last: number }; readonly signal: AbortSignal };

async function readRange(
  { url, name }: RemoteFile,
  { range, signal }: RangeCall,
  policy: SourcePolicy,
): Promise<{ readonly data: Buffer; readonly totalBytes: number | null }> {
  const response = await requestSource({ url, range, signal }, policy);
  if (response.status === 416) {
    response.body.destroy();
    throw new PomonaError("invalid_model", `${name} ends in the middle of its header: the source has a damaged file`);
  }
  // A source that knows no ranges sends all, of which the beginning is taken.
  const skipped = response.status === 200 ? range.first : 0;
  const pieces: Buffer[] = [];
  let came = 0;
  for await (const piece of readBody(response, { url, signal }, policy)) {
    pieces.push(piece);
    came += piece.length;
    if (came >= skipped + range.last - range.first + 1) break;
  }
  const data = Buffer.concat(pieces).subarray(skipped, skipped + range.last - range.first + 1);
  return { data, totalBytes: response.totalBytes };
}
