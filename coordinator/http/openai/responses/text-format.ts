// `text`: what the answer has to be.
import { z } from "zod";
import type { AnswerShape } from "../../../core/generation-request.ts";
import { type FieldPath, jsonObject, only, parseAt, typeAt } from "../../requests/field.ts";
import { plainShape, schemaFields, shapeOf } from "../answer-shape.ts";

const textSchema = z.strictObject({ format: z.unknown().optional(), verbosity: only("medium") });
const jsonSchemaFormat = z.strictObject({
  type: z.literal("json_schema"),
  ...schemaFields,
  schema: jsonObject,
});
const plainFormat = z.strictObject({ type: z.string() });

export type TextFormat = {
  readonly shape: AnswerShape;
  /** `text` as the response object says it. */
  readonly shown: object;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseText(value: unknown): TextFormat {
  const { format } = parseAt(textSchema, value ?? {}, ["text"]);
  const { shape, shown } = parseFormat(format, ["text", "format"]);
  return { shape, shown: { format: shown, verbosity: "medium" } };
}

function parseFormat(value: unknown, path: FieldPath): TextFormat {
  if (value === undefined || value === null) return { shape: { kind: "text" }, shown: { type: "text" } };
  const type = typeAt(value, path);
  if (type === "json_schema") {
    const { name, description, schema, strict } = parseAt(jsonSchemaFormat, value, path);
    // OpenAI's schema knows no null for the description, that of Open Responses knows no absence.
    const shown = { type, name, description: description ?? "", schema, strict: strict ?? false };
    return { shape: shapeOf(schema, "text.format.schema"), shown };
  }
  parseAt(plainFormat, value, path);
  const shape = plainShape(type, path);
  return { shape: shape.kind === "json" ? { kind: "json", field: "text.format" } : shape, shown: { type } };
}
