// Errors that name the field, for everything that clients send.
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";

/** `messages`, 0, `role` of a body. */
export type FieldPath = readonly PropertyKey[];

/** Checks a value that stands at `path` of the body. @throws PomonaError `invalid_request` that names the field. */
export function parseAt<Schema extends z.ZodType>(schema: Schema, value: unknown, path: FieldPath): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  // A key that is wrong has issues of its own.
  const issue =
    first?.code === "invalid_key" ? { ...first, message: first.issues[0]?.message ?? first.message } : first;
  if (issue === undefined) throw invalid(path, "is wrong");
  if (issue.code === "unrecognized_keys") {
    throw invalid([...path, ...issue.path, issue.keys[0] ?? ""], "is not a field that this API knows: leave it out");
  }
  const isMissing = issue.path.length > 0 && valueAt(value, issue.path) === undefined;
  throw invalid([...path, ...issue.path], isMissing ? "is missing" : reasonOf(issue));
}

function valueAt(value: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>(
    (at, key) => (at !== null && typeof at === "object" ? Reflect.get(at, key) : undefined),
    value,
  );
}

/** The error for a field; with an empty path, for the body as a whole. */
export function invalid(path: FieldPath, reason: string): PomonaError {
  const field = pathText(path);
  if (field === "") return new PomonaError("invalid_request", `the body ${reason}`);
  return new PomonaError("invalid_request", `${field} ${reason}`, { field });
}

function reasonOf(issue: z.core.$ZodIssue): string {
  // Our own messages are predicates; zod's are sentences like "Invalid input: expected string, received number".
  const isOwn = /^(is|must|has|names) /.test(issue.message);
  if (isOwn) return issue.message;
  if (issue.message.endsWith("received undefined")) return "is missing";
  return `is wrong: ${issue.message.replace(/^Invalid input: /, "")}`;
}

/** messages, 0, role -> messages[0].role */
function pathText(path: FieldPath): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key).slice(0, 100)}`))
    .join("")
    .replace(/^\./, "");
}

/** Text that a client sent: half a surrogate pair, which no UTF-8 has, becomes U+FFFD. */
export const text = z.string().transform((value) => value.toWellFormed());

/** Any object, as it is: nothing of it is looked at or copied. */
export const jsonObject = z.custom<Record<string, unknown>>(isObject, { error: wrongUnless("must be an object") });

/** A list, as it is. */
export const jsonList = z.custom<readonly unknown[]>(Array.isArray, { error: wrongUnless("must be a list") });

function wrongUnless(reason: string) {
  return ({ input }: { readonly input?: unknown }): string => (input === undefined ? "is missing" : reason);
}

/** An object that is counted before it is looked into, so that one full of faults costs little. */
export function fewFields(max: number, what: string): typeof jsonObject {
  return jsonObject.refine((value) => Object.keys(value).length <= max, { error: `must hold at most ${max} ${what}` });
}

/** The same of a list. */
export function fewItems(max: number, what: string): typeof jsonList {
  return jsonList.refine(({ length }) => length <= max, { error: `must hold at most ${max} ${what}` });
}

const typedObject = z.object({ type: z.string() });

/** The `type` of an object whose other fields depend on it. @throws PomonaError `invalid_request` that names the field. */
export function typeAt(value: unknown, path: FieldPath): string {
  // Most are right, and there may be many thousands of them.
  return isObject(value) && typeof value["type"] === "string" ? value["type"] : parseAt(typedObject, value, path).type;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field that is taken only where it asks for nothing. */
export function onlyNothing(reason = "is not supported: leave it out"): z.ZodType {
  return z.union([z.null(), z.tuple([]), z.literal(false)], { error: reason }).optional();
}

/** A field that is taken only with these values, the defaults of the API. */
export function only<const Value extends string | number | boolean>(...values: readonly Value[]): z.ZodType {
  const names = values.map((value) => JSON.stringify(value)).join(" or ");
  return z.literal(values, { error: `is not supported except as ${names}: leave it out` }).nullish();
}
