// What a source is: its files, and the beginnings that tell what it needs.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { builtinTinyModel, builtinTinySource } from "@pomona/shared/core/builtin-model";
import { PomonaError } from "@pomona/shared/core/errors";
import { parseGgufHeader } from "@pomona/shared/core/gguf/reader";
import { isSha256, type ModelFile, type ModelVariant } from "@pomona/shared/core/model-files";
import { readGgufBeginning } from "@pomona/shared/runtime/gguf-file";
import { chooseVariant, hubVariants } from "../../core/sources/hub-variants.ts";
import { parseSourceName, pinnedHubSource, type SourceName } from "../../core/sources/source-name.ts";
import type { ModelDigests } from "../model-digests.ts";
import type { SourcePolicy } from "./guarded-request.ts";
import { findListed, hubFileUrl, listHub } from "./hub.ts";
import { localModelPaths } from "./local-files.ts";
import { readRemoteHeader } from "./remote-header.ts";

export type InspectCall = {
  readonly source: string;
  /** SHA-256 that its one file must have; empty for any. */
  readonly digest: string;
  readonly signal: AbortSignal;
};

export type InspectedModel = {
  readonly files: readonly ModelFile[];
  /** The beginning of each file, as long as its header. */
  readonly headers: readonly Uint8Array[];
  readonly isInPlace: boolean;
  readonly pinnedSource: string;
  readonly variants: readonly ModelVariant[];
};

export type InspectDependencies = {
  readonly policy: SourcePolicy;
  readonly digests: ModelDigests;
};

/** One answer holds all headers. */
const headerBytesMax = 48 * 2 ** 20;

/** @throws PomonaError `invalid_request`, `not_found`, `invalid_model`, `transfer_failed`, `failed_precondition`. */
export async function inspectModel(call: InspectCall, dependencies: InspectDependencies): Promise<InspectedModel> {
  const name = parseSourceName(call.source);
  const inspected = await inspectNamed(name, call, dependencies);
  const bytes = inspected.headers.reduce((sum, header) => sum + header.length, 0);
  if (bytes > headerBytesMax)
    throw new PomonaError("invalid_model", `the headers of ${call.source} have ${bytes} bytes, more than any model's`);
  return inspected;
}

async function inspectNamed(
  name: SourceName,
  call: InspectCall,
  dependencies: InspectDependencies,
): Promise<InspectedModel> {
  switch (name.kind) {
    case "builtin":
      return inspectBuiltin();
    case "path":
      return await inspectPath(call, dependencies);
    case "web":
      return await inspectWeb(new URL(name.url), call, dependencies);
    case "hub":
      return await inspectHub(name, call, dependencies);
  }
}

function inspectBuiltin(): InspectedModel {
  const bytes = builtinTinyModel();
  const digest = createHash("sha256").update(bytes).digest("hex");
  const parsed = parseGgufHeader(bytes, bytes.length);
  const length = parsed.kind === "header" ? parsed.header.dataOffset : bytes.length;
  return {
    files: [{ name: "tiny.gguf", bytes: bytes.length, digest }],
    headers: [bytes.subarray(0, length)],
    isInPlace: true,
    pinnedSource: builtinTinySource,
    variants: [],
  };
}

async function inspectPath(
  { source, digest, signal }: InspectCall,
  { digests }: InspectDependencies,
): Promise<InspectedModel> {
  const paths = await localModelPaths(source);
  if (digest !== "" && paths.length > 1) throw oneDigestOfMany(source);
  const files: ModelFile[] = [];
  const headers: Uint8Array[] = [];
  for (const path of paths) {
    const { bytes, fileBytes } = await readGgufBeginning(path, signal);
    const known =
      digest === "" ? await digests.knownDigestOf(path) : await digests.digestOf(path, { isFresh: false, signal });
    if (digest !== "" && known !== digest)
      throw new PomonaError(
        "invalid_model",
        `${path} has the SHA-256 ${known} instead of ${digest}: put the right file there`,
      );
    files.push({ name: basename(path), bytes: fileBytes, digest: known });
    headers.push(bytes);
  }
  return { files, headers, isInPlace: true, pinnedSource: source, variants: [] };
}

/** What lies at a path of another node, by the copies that are here. */
export async function inspectCopies(
  { source, signal }: InspectCall,
  copies: readonly { readonly path: string; readonly file: ModelFile }[],
): Promise<InspectedModel> {
  const headers: Uint8Array[] = [];
  for (const { path } of copies) headers.push((await readGgufBeginning(path, signal)).bytes);
  return { files: copies.map(({ file }) => file), headers, isInPlace: false, pinnedSource: source, variants: [] };
}

function oneDigestOfMany(source: string): PomonaError {
  return new PomonaError("invalid_request", `${source} has several files, which one SHA-256 cannot name: leave it out`);
}

async function inspectWeb(
  url: URL,
  { source, digest, signal }: InspectCall,
  { policy }: InspectDependencies,
): Promise<InspectedModel> {
  const name = webFileName(url);
  if (!isSha256(digest)) {
    const fix = "name the SHA-256 of the file with it (the publisher's, or that of sha256sum of a copy that you trust)";
    throw new PomonaError("invalid_request", `${source} says nothing about what is in the file: ${fix}`, {
      field: "digest",
    });
  }
  const { header, fileBytes } = await readRemoteHeader({ url, name, bytes: null }, policy, signal);
  const files = [{ name, bytes: fileBytes, digest }];
  return { files, headers: [header], isInPlace: false, pinnedSource: source, variants: [] };
}

/** @throws PomonaError `invalid_request` for a name that would mean something to a file system. */
function webFileName({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  const name = URL.canParse(`file:///${last}`) ? safeDecode(last) : last;
  if (/^[A-Za-z0-9][\w.\- +()]{0,200}\.gguf$/i.test(name)) return name;
  const rule = "a file name of letters, digits and _ . - + ( ) that ends in .gguf";
  throw new PomonaError("invalid_request", `${JSON.stringify(name)} is not ${rule}: take a URL with one`, {
    field: "source",
  });
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function inspectHub(
  { repository, revision, choice }: SourceName & { kind: "hub" },
  { signal, digest }: InspectCall,
  { policy }: InspectDependencies,
): Promise<InspectedModel> {
  const listing = await listHub({ repository, revision }, policy, signal);
  const pinned = { repository, revision: listing.commit };
  const variants = hubVariants(listing.files);
  const [only] = variants;
  if (choice === "" && (only === undefined || variants.length > 1)) {
    if (only === undefined)
      throw new PomonaError("not_found", `hf:${repository} has no whole GGUF model: take another repository`);
    return {
      files: [],
      headers: [],
      isInPlace: false,
      pinnedSource: pinnedHubSource(repository, listing.commit, ""),
      variants,
    };
  }
  const chosen = choice === "" && only !== undefined ? only : chooseVariant(variants, choice, `hf:${repository}`);
  if (digest !== "" && (chosen.files.length > 1 || chosen.files[0]?.digest !== digest))
    throw new PomonaError("invalid_model", `hf:${repository}:${chosen.quant} has another SHA-256 than ${digest}`);
  const headers: Uint8Array[] = [];
  for (const file of chosen.files) {
    const url = hubFileUrl(pinned, findListed(listing, file).path, policy);
    headers.push((await readRemoteHeader({ url, name: file.name, bytes: file.bytes }, policy, signal)).header);
  }
  const pinnedSource = pinnedHubSource(repository, listing.commit, chosen.quant);
  return { files: chosen.files, headers, isInPlace: false, pinnedSource, variants: [] };
}
