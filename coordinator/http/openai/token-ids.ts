// Lists of token ids where others send text.
import type { PromptInput } from "@pomona/shared/core/generation";
import { z } from "zod";
import { type FieldPath, invalid, parseAt } from "../requests/field.ts";

const tokenId = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** @throws PomonaError `invalid_request` that names the field. */
export function parseTokens(ids: readonly unknown[], path: FieldPath): PromptInput & { kind: "tokens" } {
  if (ids.length === 0) throw invalid(path, "must not be empty");
  return { kind: "tokens", tokenIds: ids.map((id, index) => parseTokenId(id, [...path, index])) };
}

function parseTokenId(value: unknown, path: FieldPath): number {
  // Most are right, and there may be a million of them.
  if (Number.isInteger(value) && typeof value === "number" && value >= 0 && value < 2 ** 31) return value;
  return parseAt(tokenId, value, path);
}
