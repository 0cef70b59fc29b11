// Which model a replica runs, by what is in its files.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { ReplicaSpec } from "@pomona/shared/core/node-status";
import { modelPartPaths } from "@pomona/shared/runtime/model-source";
import type { ModelDigests } from "./model-digests.ts";
import type { ModelStore } from "./model-store.ts";

export type ModelDigestCall = {
  readonly spec: Pick<ReplicaSpec, "files">;
  readonly modelPath: string;
  /** Reads the files again even when their digests are known. */
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
};

/**
 * SHA-256 of the model's file; of a split model, that of its parts' digests in their order.
 * @throws PomonaError as `ModelDigests.digestOf`, and of `ModelStore.provide` for files of the store.
 */
export async function readModelDigest(
  { spec, modelPath, isFresh, signal }: ModelDigestCall,
  { digests, store }: { readonly digests: ModelDigests; readonly store: ModelStore },
): Promise<string> {
  if (spec.files.length > 0) {
    if (isFresh) await store.verifyAnew(spec.files, signal);
    else await store.provide(spec.files, signal);
    return digestOfParts(spec.files.map(({ digest }) => digest ?? ""));
  }
  const found: string[] = [];
  for (const path of modelPartPaths(modelPath)) {
    const digest = await digests.digestOf(path, { isFresh, signal });
    found.push(digest);
    store.adopt(path, { digest, bytes: (await stat(path)).size });
  }
  return digestOfParts(found);
}

function digestOfParts(digests: readonly string[]): string {
  const [only, other] = digests;
  if (only !== undefined && other === undefined) return only;
  return createHash("sha256").update(digests.join("\n")).digest("hex");
}
