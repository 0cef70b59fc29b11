// Checks of what came over a wire. Each takes the path of the field for its message and throws PomonaError
// `invalid_request`.
import { PomonaError } from "../core/errors.ts";
import { isHexId, isModelName } from "../core/ids.ts";

/** Longest list of token ids in one message. */
export const tokensMax = 1 << 20;
/** Longest text of one field, in UTF-16 units. */
export const textLengthMax = 8 * 1024 * 1024;

export function fail(field: string, message: string): never {
  throw new PomonaError("invalid_request", `${field} ${message}`, { field });
}

export type Range = { readonly min: number; readonly max: number };

/** A number of the range, ends included. */
export function checkNumber(field: string, value: number, { min, max }: Range): number {
  if (!(value >= min && value <= max)) fail(field, `must be a number from ${min} to ${max}, not ${value}`);
  return value;
}

/** An integer of the range, ends included. */
export function checkInteger(field: string, value: number, { min, max }: Range): number {
  if (!Number.isSafeInteger(value)) fail(field, `must be an integer from ${min} to ${max}, not ${value}`);
  return checkNumber(field, value, { min, max });
}

/** A uint64 that JavaScript holds exactly: 0 to 2^53-1. */
export function checkCount(field: string, value: number): number {
  return checkInteger(field, value, { min: 0, max: Number.MAX_SAFE_INTEGER });
}

export function checkHexId(field: string, value: string): string {
  if (!isHexId(value)) fail(field, "must be 32 lower-case hex digits");
  return value;
}

export function checkModelName(field: string, value: string): string {
  if (!isModelName(value)) fail(field, "must be a model name: letters, digits and _ . - : /, at most 128");
  return value;
}

/** host:port of a service. */
export function checkAddress(field: string, value: string): string {
  if (!/^[A-Za-z0-9.\-_:[\]]{1,253}:\d{1,5}$/.test(value)) fail(field, "must be of the form host:port");
  return value;
}

/** A replica id: 1 to 128 printable ASCII characters without spaces. */
export function checkReplicaId(field: string, value: string): string {
  if (!/^[\x21-\x7e]{1,128}$/.test(value)) fail(field, "must be 1 to 128 printable characters");
  return value;
}

export function checkText(field: string, value: string, lengthMax: number): string {
  if (value.length > lengthMax) fail(field, `is ${value.length} characters long; at most ${lengthMax} are taken`);
  return value;
}

export function checkLength<Item>(field: string, list: readonly Item[], lengthMax: number): readonly Item[] {
  if (list.length > lengthMax) fail(field, `has ${list.length} entries; at most ${lengthMax} are taken`);
  return list;
}

/** The name of the value in a table of enum names; fails for those that are not in it. */
export function checkEnum<Wire extends string, Value>(
  field: string,
  wire: Wire,
  names: Readonly<Partial<Record<Wire, Value>>>,
): Value {
  const value = names[wire];
  return value === undefined ? fail(field, `must not be ${wire}`) : value;
}

/** A sub-message that must be there. */
export function checkPresent<Message>(field: string, message: Message | null | undefined): Message {
  return message === null || message === undefined ? fail(field, "is missing") : message;
}
