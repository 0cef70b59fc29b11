// Where the files of a pull can be had besides other nodes.
import { basename } from "node:path";
import { PomonaError } from "@pomona/shared/core/errors";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { provideModelFile } from "@pomona/shared/runtime/model-source";
import { parseSourceName } from "../../core/sources/source-name.ts";
import type { ModelDigests } from "../model-digests.ts";
import type { SourcePolicy } from "./guarded-request.ts";
import { findListed, type HubListing, type HubRepository, hubFileUrl, listHub } from "./hub.ts";
import { localModelPaths } from "./local-files.ts";

export type ResolvedSource = {
  /** Files that lie on this node, verified; they need not be pulled. */
  readonly inPlace: readonly { readonly path: string; readonly file: NamedFile }[];
  /** Null when the source is no place to download from. */
  readonly urlOf: ((file: NamedFile, signal: AbortSignal) => Promise<URL>) | null;
};

export type ResolveDependencies = {
  readonly policy: SourcePolicy;
  readonly digests: ModelDigests;
  readonly modelsDirectory: string;
  readonly signal: AbortSignal;
};

const nowhere: ResolvedSource = { inPlace: [], urlOf: null };

/** @throws PomonaError `invalid_request` for what is no source, `transfer_failed` for a path with another file. */
export async function resolveSource(
  source: string,
  files: readonly NamedFile[],
  dependencies: ResolveDependencies,
): Promise<ResolvedSource> {
  if (source === "") return nowhere;
  const name = parseSourceName(source);
  switch (name.kind) {
    case "builtin":
      return await inPlace([provideModelFile(source, dependencies.modelsDirectory)], files, dependencies);
    case "path": {
      // Another node's path may be nothing here.
      const paths = await localModelPaths(source).catch(() => null);
      return paths === null ? nowhere : await inPlace(paths, files, dependencies);
    }
    case "web":
      return { inPlace: [], urlOf: () => Promise.resolve(new URL(name.url)) };
    case "hub":
      return { inPlace: [], urlOf: hubUrls(name, dependencies) };
  }
}

async function inPlace(
  paths: readonly string[],
  files: readonly NamedFile[],
  { digests, signal }: ResolveDependencies,
): Promise<ResolvedSource> {
  const found: { readonly path: string; readonly file: NamedFile }[] = [];
  for (const [index, file] of files.entries()) {
    const path = paths.find((candidate) => basename(candidate) === file.name) ?? paths[index];
    const digest = path === undefined ? "" : await digests.digestOf(path, { isFresh: false, signal });
    if (path === undefined || digest !== file.digest) {
      const message = `${path ?? file.name} has the SHA-256 ${digest.slice(0, 16)}... instead of ${file.digest.slice(0, 16)}...`;
      throw new PomonaError("transfer_failed", `${message}: put the right file there, or deploy the model again`);
    }
    found.push({ path, file });
  }
  return { inPlace: found, urlOf: null };
}

/** One listing serves all files of a pull. */
function hubUrls(repository: HubRepository, { policy }: ResolveDependencies): NonNullable<ResolvedSource["urlOf"]> {
  let listing: Promise<HubListing> | null = null;
  return async (file, signal) => {
    listing ??= listHub(repository, policy, signal);
    const listed = await listing.catch((thrown: unknown) => {
      listing = null;
      throw thrown;
    });
    return hubFileUrl({ ...repository, revision: listed.commit }, findListed(listed, file).path, policy);
  };
}
