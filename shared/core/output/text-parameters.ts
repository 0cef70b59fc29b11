/** Deepest choice within a choice, and reference to a reference, that is looked at. */
const depthMax = 8;

/**
 * The parameters of a tool whose values are texts by its JSON schema, or texts or null: formats that write arguments
 * without quotes leave open whether 7 is a number.
 */
export function textParametersOf(parameters: unknown): readonly string[] {
  if (!isObject(parameters) || !isObject(parameters["properties"])) return [];
  return Object.entries(parameters["properties"])
    .filter(([, schema]) => isTextSchema(schema, parameters, depthMax))
    .map(([name]) => name);
}

function isTextSchema(schema: unknown, root: unknown, depth: number): boolean {
  if (depth === 0 || !isObject(schema)) return false;
  const { type, const: only, enum: some, anyOf, oneOf, allOf, $ref: reference } = schema;
  if (type !== undefined) return isTextOrNull([type].flat(), (one) => one === "string", "null");
  if (some !== undefined || only !== undefined) {
    return isTextOrNull([some ?? only].flat(), (one) => typeof one === "string", null);
  }
  if (typeof reference === "string") return isTextSchema(resolve(reference, root), root, depth - 1);
  const isText = (one: unknown): boolean => isTextSchema(one, root, depth - 1);
  if (Array.isArray(allOf)) return allOf.some(isText);
  const choices = anyOf ?? oneOf;
  if (!Array.isArray(choices)) return false;
  return choices.some(isText) && choices.every((one) => isText(one) || (isObject(one) && one["type"] === "null"));
}

function isTextOrNull(values: readonly unknown[], isText: (value: unknown) => boolean, nothing: unknown): boolean {
  return values.some(isText) && values.every((value) => isText(value) || value === nothing);
}

/** A place in the schema itself; undefined for any other. */
function resolve(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#/")) return undefined;
  let place = root;
  for (const key of reference.slice(2).split("/")) {
    const name = key.replaceAll("~1", "/").replaceAll("~0", "~");
    place = isObject(place) && Object.hasOwn(place, name) ? place[name] : undefined;
  }
  return place;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
