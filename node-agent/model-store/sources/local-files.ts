// Model files that lie on this node or on a network volume, and are used where they are.
import { access, constants, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PomonaError } from "@pomona/shared/core/errors";
import { modelPartPaths } from "@pomona/shared/runtime/model-source";
import { hubVariants } from "../../core/sources/hub-variants.ts";

/** A volume whose server is gone makes calls hang for minutes. */
export const volumeTimeoutMs = 10_000;

/**
 * Paths of a model's files in their order: the parts beside the first one, or the only model of a folder.
 * @throws PomonaError `not_found` with the path, `invalid_request` for a folder with several models.
 */
export async function localModelPaths(source: string): Promise<string[]> {
  const path = resolve(source.startsWith("file:") ? pathOfUrl(source) : source);
  const found = await onVolume(path, stat(path));
  if (found.isDirectory()) return await onlyModelOf(path);
  if (!found.isFile()) throw missing(path, "it is no file");
  const paths = modelPartPaths(path);
  for (const part of paths) await onVolume(part, access(part, constants.R_OK));
  return paths;
}

async function onlyModelOf(folder: string): Promise<string[]> {
  const names = await onVolume(folder, readdir(folder));
  const variants = hubVariants(names.map((name) => ({ path: name, bytes: 0, digest: null })));
  const [only, other] = variants;
  if (only === undefined) throw missing(folder, "there is no whole GGUF model in this folder");
  if (other !== undefined) {
    const firsts = variants.map(({ files }) => files[0]?.name).join(", ");
    throw new PomonaError("invalid_request", `${folder} holds several models: name one of ${firsts}`, {
      field: "source",
    });
  }
  return only.files.map(({ name }) => join(folder, name));
}

/** Waits for a call of the file system, but not for ever. @throws PomonaError `not_found` naming the path. */
export async function onVolume<Value>(path: string, call: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(missing(path, `its volume does not answer for ${volumeTimeoutMs / 1000} s`)),
      volumeTimeoutMs,
    );
  });
  try {
    return await Promise.race([call, timeout]);
  } catch (error) {
    if (error instanceof PomonaError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw missing(path, code === "ENOENT" ? "there is nothing" : `the system says ${code}`);
  } finally {
    clearTimeout(timer);
  }
}

function missing(path: string, why: string): PomonaError {
  const fix = "look whether the volume is mounted and the node-agent may read it";
  return new PomonaError("not_found", `there is no model file ${path} that can be read on this node (${why}): ${fix}`);
}

function pathOfUrl(source: string): string {
  // file:models/x.gguf is no URL with a host, but what people write.
  return source.startsWith("file://") ? fileURLToPath(source) : source.slice("file:".length);
}
