import { type FileHandle, open, stat } from "node:fs/promises";
import { PomonaError } from "../core/errors.ts";
import { type GgufExpectation, type GgufHeader, ggufLimits, parseGgufHeader } from "../core/gguf/reader.ts";

export type GgufFile = { readonly header: GgufHeader; readonly fileBytes: number };

/** A file's header as it is read and as it stands there. */
export type GgufBeginning = GgufFile & { readonly bytes: Uint8Array };

/** Most headers of small models fit; each further piece doubles what was read. */
const firstPieceBytes = 1 << 20;

/**
 * Reads and checks the header of a model file; the tensor data are not read.
 * @throws PomonaError `invalid_model` with the path and the reason; `cancelled` when the signal aborts.
 */
export async function readGgufHeader(path: string, signal: AbortSignal): Promise<GgufFile> {
  const { header, fileBytes } = await readBeginning({ path, expected: "whole" }, signal);
  return { header, fileBytes };
}

/** The same, also of a file that is one part of a model. */
export async function readGgufBeginning(path: string, signal: AbortSignal): Promise<GgufBeginning> {
  return await readBeginning({ path, expected: "part" }, signal);
}

type Beginning = { readonly path: string; readonly expected: GgufExpectation };

async function readBeginning({ path, expected }: Beginning, signal: AbortSignal): Promise<GgufBeginning> {
  const file = await openModel(path);
  try {
    const { size } = await file.stat();
    return { ...(await readHeader({ file, path, fileBytes: size, expected }, signal)), fileBytes: size };
  } finally {
    await file.close();
  }
}

async function openModel(path: string): Promise<FileHandle> {
  try {
    // Opening a pipe would wait for somebody to write into it.
    if (!(await stat(path)).isFile()) throw new PomonaError("invalid_model", `${path} is not a file`);
    return await open(path, "r");
  } catch (error) {
    if (error instanceof PomonaError) throw error;
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const what = reason === "ENOENT" ? "there is no such file" : `the system says ${reason}`;
    throw new PomonaError("invalid_model", `${path} cannot be opened: ${what}`, { cause: error });
  }
}

type OpenModel = Beginning & { readonly file: FileHandle; readonly fileBytes: number };

async function readHeader(
  { file, path, fileBytes, expected }: OpenModel,
  signal: AbortSignal,
): Promise<{ readonly header: GgufHeader; readonly bytes: Uint8Array }> {
  let bytes = new Uint8Array(0);
  let wanted = firstPieceBytes;
  for (;;) {
    if (signal.aborted) throw new PomonaError("cancelled", `reading ${path} was cancelled`);
    bytes = await readUpTo(file, bytes, Math.min(wanted, fileBytes, ggufLimits.headerBytes));
    const parsed = parseGgufHeader(bytes, fileBytes, expected);
    if (parsed.kind === "header") return { header: parsed.header, bytes: bytes.subarray(0, parsed.header.dataOffset) };
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
