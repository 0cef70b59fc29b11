// OpenAI's own OpenAPI document, as a judge of what the pool answers; where it is not at hand, it judges nothing.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";

/** Beside the repository; from `test/dist/support`. */
const documentPath = fileURLToPath(
  new URL("../../../../shared/reference/openai-openapi-2.3.0.json.gz", import.meta.url),
);

/** For tests that need it. */
export const missingDocument = existsSync(documentPath) ? false : "needs OpenAI's OpenAPI document";

/** What is wrong with a value; empty when nothing is. */
export type Validator = (value: unknown) => readonly string[];

const validators = new Map<string, Validator>();
let ajv: Ajv2020 | null = null;

/**
 * By the name of a schema, such as `Response` or `CreateChatCompletionStreamResponse`. Compiled once.
 * @throws Error when the document has no such schema.
 */
export function validatorOf(schemaName: string): Validator {
  const known = validators.get(schemaName);
  if (known !== undefined) return known;
  ajv ??= withDocument();
  const validate = ajv.compile({ $ref: `${documentId}#/components/schemas/${schemaName}` });
  const validator: Validator = (value) => {
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      `${schemaName}${instancePath} ${message} ${JSON.stringify(params)}`.slice(0, 500),
    );
  };
  validators.set(schemaName, validator);
  return validator;
}

const documentId = "https://api.openai.com/openapi.json";

function withDocument(): Ajv2020 {
  // What OpenAPI adds to JSON schema are notes.
  const compiler = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false, logger: false });
  const text = gunzipSync(readFileSync(documentPath)).toString("utf8");
  compiler.addSchema(JSON.parse(text, asMeant), documentId);
  return compiler;
}

/** Two ways of writing that JSON schema reads otherwise than the document means them. */
function asMeant(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("nullable" in value && typeof value.nullable === "boolean") {
    const { nullable, ...schema } = value;
    return nullable ? { anyOf: [asMeant("", schema), { type: "null" }] } : asMeant("", schema);
  }
  if (!("oneOf" in value && "discriminator" in value)) return value;
  // Several variants may match, although a discriminator tells them apart: a short message is also a whole one.
  const { oneOf, ...others } = value;
  return { ...others, anyOf: oneOf };
}
