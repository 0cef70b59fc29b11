import { z } from "zod";
import type { AnswerShape } from "../../core/generation-request.ts";
import { type FieldPath, invalid, jsonObject, parseAt, text, typeAt } from "../requests/field.ts";

/** OpenAI's limit of a schema's name. */
export const schemaFields = {
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must be 1 to 64 letters, digits, dashes and underscores" }),
  description: text.nullish(),
  schema: z.union([jsonObject, z.boolean()], { error: "must be a JSON schema" }).nullish(),
  /** The schema is enforced with or without it. */
  strict: z.boolean().nullish(),
};

const schemaFormat = z.strictObject({ type: z.literal("json_schema"), json_schema: z.strictObject(schemaFields) });
/** Not OpenAI's, but llama.cpp's and others': a schema for the object. `value` is what huggingface_hub calls it. */
const objectFormat = z.strictObject({
  type: z.literal("json_object"),
  schema: schemaFields.schema,
  value: schemaFields.schema,
});
const plainFormat = z.strictObject({ type: z.string() });

/** @throws PomonaError `invalid_request` that names the field. */
export function parseResponseFormat(value: unknown): AnswerShape {
  const path: FieldPath = ["response_format"];
  if (value === undefined || value === null) return { kind: "text" };
  const type = typeAt(value, path);
  if (type === "json_schema") {
    const { json_schema: format } = parseAt(schemaFormat, value, path);
    return shapeOf(format.schema, "response_format.json_schema.schema");
  }
  if (type === "json_object") {
    const { schema: named, value: unnamed } = parseAt(objectFormat, value, path);
    const [schema, field] = named == null ? [unnamed, "value"] : [named, "schema"];
    const isAny = typeof schema === "object" && schema !== null && Object.keys(schema).length === 0;
    return shapeOf(isAny ? null : schema, `response_format.${field}`);
  }
  parseAt(plainFormat, value, path);
  return plainShape(type, path);
}

/** A schema that is left out asks for any object. */
export function shapeOf(schema: unknown, field: string): AnswerShape {
  return schema === undefined || schema === null ? { kind: "json" } : { kind: "schema", schema, field };
}

export function plainShape(type: string, path: FieldPath): AnswerShape {
  if (type === "text") return { kind: "text" };
  if (type === "json_object") return { kind: "json" };
  throw invalid([...path, "type"], "must be text, json_object or json_schema");
}
