// Model files: wire format <-> values of shared/core/model-files.
import type { ModelFile__Output, ModelFile as ModelFileWire } from "@pomona/proto/generated/pomona/v1/ModelFile";
import { isSha256, type ModelFile } from "../core/model-files.ts";
import { checkCount, checkLength, checkText, fail } from "./wire-checks.ts";

/** Split models have tens of parts. */
const modelFilesMax = 256;
const nameLengthMax = 255;

export function modelFileToWire({ name, bytes, digest }: ModelFile): ModelFileWire {
  return { name, bytes, digest: digest ?? "" };
}

export function modelFilesFromWire(field: string, wire: readonly ModelFile__Output[]): ModelFile[] {
  return checkLength(field, wire, modelFilesMax).map(({ name, bytes, digest }) => ({
    name: checkFileName(`${field}.name`, name),
    bytes: checkCount(`${field}.bytes`, bytes),
    digest: digest === "" ? null : checkSha256(`${field}.digest`, digest),
  }));
}

/** A name that stands for one entry of one folder, whatever file system reads it. */
export function checkFileName(field: string, name: string): string {
  checkText(field, name, nameLengthMax);
  return /^[A-Za-z0-9][\w.\- +()]*$/.test(name)
    ? name
    : fail(field, "must be a file name of letters, digits and _ . - + ( )");
}

export function checkSha256(field: string, digest: string): string {
  return isSha256(digest) ? digest : fail(field, "must be 64 lower-case hex digits");
}
