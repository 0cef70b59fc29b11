// A model hub with the API of Hugging Face: `GET /api/models/OWNER/REPOSITORY/revision/REVISION?blobs=true` lists files with
// their sizes and, where they are stored as LFS objects, their SHA-256; `/OWNER/REPOSITORY/resolve/COMMIT/PATH` is a file.
import type { ModelFile } from "@pomona/shared/core/model-files";
import { z } from "zod";
import type { ListedFile } from "../../core/sources/hub-variants.ts";
import { readBody, requestSource, type SourcePolicy } from "./guarded-request.ts";
import { SourceRefusal } from "./source-refusal.ts";

export const defaultHubUrl = "https://huggingface.co";

const listingBytesMax = 32 * 2 ** 20;
const listedFilesMax = 20_000;

/** What is read of the answer; whatever else is in it is left out. */
const listingSchema = z.object({
  sha: z.string().regex(/^[0-9a-f]{40,64}$/),
  siblings: z
    .array(
      z.object({
        rfilename: z.string().min(1),
        size: z.number().int().min(0).nullish(),
        lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().min(0) }).nullish(),
      }),
    )
    .max(listedFilesMax),
});

export type HubListing = { readonly commit: string; readonly files: readonly ListedFile[] };

export type HubRepository = { readonly repository: string; readonly revision: string };

/** @throws PomonaError `not_found`, `failed_precondition` when it is private, `transfer_failed`. */
export async function listHub(
  { repository, revision }: HubRepository,
  policy: SourcePolicy,
  signal: AbortSignal,
): Promise<HubListing> {
  const url = new URL(
    `/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`,
    policy.hubOrigin,
  );
  const request = { url, range: null, signal };
  const response = await requestSource(request, policy);
  if (response.length > listingBytesMax) {
    response.body.destroy();
    throw new SourceRefusal("transfer_failed", `${repository} lists too many files: take another repository`);
  }
  const pieces: Buffer[] = [];
  for await (const piece of readBody(response, request, policy)) pieces.push(piece);
  const parsed = listingSchema.safeParse(parseJson(Buffer.concat(pieces).toString("utf8")));
  if (!parsed.success) {
    const message = `${url.origin} does not answer as a model hub: look at POMONA_HF_ENDPOINT or HF_ENDPOINT of the node`;
    throw new SourceRefusal("transfer_failed", message);
  }
  const { sha, siblings } = parsed.data;
  const files = siblings.map(({ rfilename, size, lfs }) => ({
    path: rfilename,
    bytes: lfs?.size ?? size ?? 0,
    digest: lfs?.sha256 ?? null,
  }));
  return { commit: sha, files };
}

/** Where a file of a listing is. */
export function hubFileUrl({ repository, revision }: HubRepository, path: string, policy: SourcePolicy): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`/${repository}/resolve/${encodeURIComponent(revision)}/${encoded}`, policy.hubOrigin);
}

/** The listed file that is meant. @throws SourceRefusal when the repository has changed under the same revision. */
export function findListed(listing: HubListing, { name, bytes, digest }: ModelFile): ListedFile {
  const isIt = (file: ListedFile): boolean => file.path === name || file.path.endsWith(`/${name}`);
  const found = listing.files.find((file) => isIt(file) && file.bytes === bytes && file.digest === digest);
  if (found !== undefined) return found;
  const message = `the repository has no ${name} with ${bytes} bytes and the SHA-256 ${String(digest).slice(0, 16)}... any more`;
  throw new SourceRefusal("not_found", `${message}: deploy it again to take what is there now`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
