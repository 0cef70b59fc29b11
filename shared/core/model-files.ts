// The files that a model is made of, and where they are.
import type { GenerationFailure } from "./generation.ts";

/** One file of a model: most have one, split models several. */
export type ModelFile = {
  /** As the source calls it, without folders. */
  readonly name: string;
  readonly bytes: number;
  /** SHA-256, 64 hex digits; null while nobody has read it. */
  readonly digest: string | null;
};

/** A file that can be asked for by what is in it. */
export type NamedFile = ModelFile & { readonly digest: string };

/** One way in which a repository offers a model. */
export type ModelVariant = {
  /** Such as Q4_K_M. */
  readonly quant: string;
  readonly files: readonly ModelFile[];
};

/** A model file as a node has it. */
export type StoredFile = {
  readonly digest: string;
  readonly bytes: number;
  /** Less than `bytes` while it is being pulled. */
  readonly heldBytes: number;
  readonly state: StoredFileState;
  readonly failure: GenerationFailure | null;
};

export type StoredFileState = "pulling" | "verifying" | "verified" | "failed";

/** A source after it was looked up: the same files for ever. */
export type PinnedSource = {
  readonly source: string;
  readonly files: readonly ModelFile[];
  /** Why this variant, where the source left it open; else empty. */
  readonly reason: string;
};

export function totalFileBytes(files: readonly ModelFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
