// POST /v1/embeddings.
import { z } from "zod";
import { type Embeddings, type EmbedInput, type EmbedRequest, pooledInputsMax } from "../../core/pooled-request.ts";
import type { Gateway } from "../../gateway.ts";
import type { PooledRun } from "../answers/answer-pooled.ts";
import { invalid, parseAt, text } from "../requests/field.ts";
import { parseTokens } from "./token-ids.ts";

/** More than any model has. */
const dimensionsMax = 1_000_000;

const embeddingsSchema = z.strictObject({
  input: z.unknown().optional(),
  model: z.string().min(1).max(256),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.number().int().min(1).max(dimensionsMax).nullish(),
  user: z.string().nullish(),
});

/** @throws PomonaError `invalid_request` that names the field. */
export function parseEmbeddings(body: unknown, gateway: Pick<Gateway, "embed">): PooledRun<Embeddings> {
  const parsed = parseAt(embeddingsSchema, body, []);
  const { model } = parsed;
  const request: EmbedRequest = {
    api: "openai",
    model,
    timeoutMs: null,
    ...parseInputs(parsed.input),
    dimensions: parsed.dimensions ?? null,
  };
  const isBase64 = parsed.encoding_format === "base64";
  return {
    ask: (caller) => gateway.embed(request, caller),
    write: (answer) => write(answer, { model, isBase64 }),
  };
}

type Inputs = Pick<EmbedRequest, "inputs" | "fieldOf">;

/** A text, or its tokens; or a list of such. */
function parseInputs(value: unknown): Inputs {
  const forms = "must be a string, a list of strings, a list of token ids, or a list of such lists";
  if (value === undefined || value === null) throw invalid(["input"], "is missing");
  if (typeof value === "string") return one(parseText(value, ["input"]));
  if (!Array.isArray(value)) throw invalid(["input"], forms);
  if (value.length === 0) throw invalid(["input"], "must not be empty");
  if (typeof value[0] === "number") return one(parseTokens(value, ["input"]));
  if (value.length > pooledInputsMax)
    throw invalid(["input"], `must hold at most ${pooledInputsMax} inputs, not ${value.length}`);
  const inputs = value.map((input: unknown, index) => {
    const path = ["input", index] as const;
    if (Array.isArray(input)) return parseTokens(input, path);
    return parseText(input, path);
  });
  return { inputs, fieldOf: (index) => `input[${index}]` };
}

function one(input: EmbedInput): Inputs {
  return { inputs: [input], fieldOf: () => "input" };
}

function parseText(value: unknown, path: Parameters<typeof invalid>[0]): EmbedInput {
  if (value === "") throw invalid(path, "must not be empty");
  return { kind: "text", text: parseAt(text, value, path) };
}

type Wish = { readonly model: string; readonly isBase64: boolean };

function* write({ vectors, promptTokens }: Embeddings, { model, isBase64 }: Wish): Generator<string> {
  yield '{"object":"list","data":[';
  for (const [index, vector] of vectors.entries()) {
    const embedding = isBase64 ? base64Of(vector) : [...vector];
    yield `${index === 0 ? "" : ","}${JSON.stringify({ object: "embedding", index, embedding })}`;
  }
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
  yield `],"model":${JSON.stringify(model)},"usage":${JSON.stringify(usage)}}`;
}

/** 32-bit floats, the lowest byte first. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, 4 * index);
  return bytes.toString("base64");
}
