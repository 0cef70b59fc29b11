// Texts that end an answer, as every API takes them. An empty one would end it before it begins: it is refused.
import { z } from "zod";
import { type FieldPath, fewItems, invalid, parseAt, text } from "./field.ts";

const stopMax = 16;
const stopLengthMax = 1024;

const stopText = text.pipe(z.string().min(1, { error: "must not be empty" }).max(stopLengthMax));
const stopTexts = fewItems(stopMax, "strings").pipe(z.array(stopText));

/** A text or a list of them; a union would hide what is wrong with the one that was meant. @throws PomonaError that names the field. */
export function parseStop(value: unknown, path: FieldPath): readonly string[] {
  if (typeof value === "string") return [parseAt(stopText, value, path)];
  if (value !== undefined && value !== null && !Array.isArray(value))
    throw invalid(path, "must be a string or a list of strings");
  return parseStopList(value, path);
}

/** A list alone. @throws PomonaError `invalid_request` that names the field. */
export function parseStopList(value: unknown, path: FieldPath): readonly string[] {
  if (value === undefined || value === null) return [];
  return parseAt(stopTexts, value, path);
}
