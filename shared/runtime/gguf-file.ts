import { type FileHandle, open } from "node:fs/promises";
import { PomonaError } from "../core/errors.ts";
import { type GgufHeader, ggufLimits, parseGgufHeader } from "../core/gguf/reader.ts";

export type GgufFile = { readonly header: GgufHeader; readonly fileBytes: number };

/** Most headers of small models fit; each further piece doubles what was read. */
const firstPieceBytes = 1 << 20;

/**
 * Reads and checks the header of a model file; the tensor data are not read.
 * @throws PomonaError `invalid_model` with the path and the reason; `cancelled` when the signal aborts.
 */
export async function readGgufHeader(path: string, signal: AbortSignal): Promise<GgufFile> {
  const file = await openModel(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new PomonaError("invalid_model", `${path} is not a file`);
    return { header: await readHeader({ file, path, fileBytes: stat.size }, signal), fileBytes: stat.size };
  } finally {
    await file.close();
  }
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const what = reason === "ENOENT" ? "there is no such file" : `the system says ${reason}`;
    throw new PomonaError("invalid_model", `${path} cannot be opened: ${what}`, { cause: error });
  }
}

type OpenModel = { readonly file: FileHandle; readonly path: string; readonly fileBytes: number };

async function readHeader({ file, path, fileBytes }: OpenModel, signal: AbortSignal): Promise<GgufHeader> {
  let bytes = new Uint8Array(0);
  let wanted = firstPieceBytes;
  for (;;) {
    if (signal.aborted) throw new PomonaError("cancelled", `reading ${path} was cancelled`);
    bytes = await readUpTo(file, bytes, Math.min(wanted, fileBytes, ggufLimits.headerBytes));
    const parsed = parseGgufHeader(bytes, fileBytes);
    if (parsed.kind === "header") return parsed.header;
    if (parsed.kind === "invalid") throw new PomonaError("invalid_model", `${path} is ${parsed.reason}`);
    if (bytes.length < Math.min(wanted, fileBytes)) {
      throw new PomonaError("invalid_model", `${path} became shorter while it was read`);
    }
    wanted = Math.max(parsed.bytes, 2 * bytes.length);
  }
}

/** The beginning of the file, `bytes` of which are there already; shorter than wanted only at its end. */
async function readUpTo(file: FileHandle, bytes: Uint8Array, wanted: number): Promise<Uint8Array<ArrayBuffer>> {
  const longer = new Uint8Array(wanted);
  longer.set(bytes);
  let length = bytes.length;
  while (length < wanted) {
    const { bytesRead } = await file.read(longer, length, wanted - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return longer.subarray(0, length);
}
