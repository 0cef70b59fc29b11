// Where the store keeps what, under `<state>/models/`.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { isSha256, type NamedFile } from "@pomona/shared/core/model-files";

/** A pull that nobody took up again for so long is given up. */
const abandonedMs = 14 * 24 * 3_600_000;

export type StoreLayout = {
  /** Whole files: `<digest>.gguf`. */
  readonly blobs: string;
  /** What pulls have so far: `<digest>.part`, and `<digest>.digests` with what proves each chunk of it. */
  readonly partial: string;
  /** Split models: a folder of links for each, with the names by which the parts find each other. */
  readonly sets: string;
};

/** Makes the folders, and removes what no later pull or load can use. */
export function openStoreLayout(directory: string, wallMs: number): StoreLayout {
  const layout = {
    blobs: join(directory, "blobs"),
    partial: join(directory, "partial"),
    sets: join(directory, "sets"),
  };
  for (const path of Object.values(layout)) mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(layout.blobs)) if (!isBlobName(name)) remove(join(layout.blobs, name));
  for (const name of readdirSync(layout.partial)) {
    const path = join(layout.partial, name);
    const isOurs = /^[0-9a-f]{64}\.(part|digests)$/.test(name);
    if (!isOurs || wallMs - statSync(path).mtimeMs > abandonedMs) remove(path);
  }
  removeBrokenSets(layout);
  return layout;
}

function isBlobName(name: string): boolean {
  return name.endsWith(".gguf") && isSha256(name.slice(0, -".gguf".length));
}

/** Digests of the whole files that are there. */
export function storedDigests({ blobs }: StoreLayout): string[] {
  return readdirSync(blobs).map((name) => name.slice(0, -".gguf".length));
}

export function blobPath({ blobs }: StoreLayout, digest: string): string {
  return join(blobs, `${digest}.gguf`);
}

export type PartialPaths = { readonly data: string; readonly digests: string };

export function partialPaths({ partial }: StoreLayout, digest: string): PartialPaths {
  return { data: join(partial, `${digest}.part`), digests: join(partial, `${digest}.digests`) };
}

export type LinkedFile = NamedFile & { readonly path: string };

/** Makes the folder of a split model if it is not there, and returns the path of the first part in it. */
export function linkSet(layout: StoreLayout, files: readonly LinkedFile[]): string {
  const key = createHash("sha256")
    .update(JSON.stringify(files.map(({ name, digest }) => [name, digest])))
    .digest("hex");
  const folder = join(layout.sets, key.slice(0, 32));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { name, path } of files) {
    const link = join(folder, name);
    if (linkTarget(link) === path) continue;
    remove(link);
    symlinkSync(path, link);
  }
  return join(folder, files[0]?.name ?? "");
}

/** Folders of split models of which the store has lost a part. Files of other folders are not looked for: a volume may hang. */
export function removeBrokenSets(layout: StoreLayout): void {
  for (const name of readdirSync(layout.sets)) {
    const folder = join(layout.sets, name);
    const targets = readdirSync(folder).map((file) => linkTarget(join(folder, file)));
    const isLost = (path: string): boolean => path.startsWith(layout.blobs) && !existsSync(path);
    if (targets.length === 0 || targets.some((path) => path === "" || isLost(path))) remove(folder);
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function remove(path: string): void {
  rmSync(path, { force: true, recursive: true });
}
