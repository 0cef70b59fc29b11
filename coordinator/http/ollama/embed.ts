// POST /api/embed, and /api/embeddings that came before it.
import { z } from "zod";
import { type Embeddings, type EmbedRequest, pooledInputsMax } from "../../core/pooled-request.ts";
import type { Gateway } from "../../gateway.ts";
import type { PooledRun } from "../answers/answer-pooled.ts";
import { invalid, parseAt, text } from "../requests/field.ts";
import { isUnloading } from "./keep-alive.ts";
import { findModel } from "./models.ts";
import { nanoseconds } from "./nanoseconds.ts";
import { parseOptions } from "./options.ts";

/** More than any model has. */
const dimensionsMax = 1_000_000;

const common = {
  model: z.string().min(1).max(256),
  options: z.unknown().optional(),
  keep_alive: z.unknown().optional(),
};

const embedSchema = z.strictObject({
  ...common,
  input: z.unknown().optional(),
  /** An input that is too long is refused either way. */
  truncate: z.boolean().nullish(),
  dimensions: z.number().int().min(1).max(dimensionsMax).nullish(),
});

const oldSchema = z.strictObject({ ...common, prompt: text.nullish() });

/** Vectors, or for no input at all the model alone, and an answer without any. */
export type EmbedCall =
  | { readonly kind: "embed"; readonly run: PooledRun<Embeddings> }
  | { readonly kind: "load"; readonly model: string; readonly answer: object };

type Pool = Pick<Gateway, "embed" | "models">;

/** @throws PomonaError `invalid_request` that names the field. */
export function parseEmbed(body: unknown, pool: Pool): EmbedCall {
  const parsed = parseAt(embedSchema, body, []);
  const model = checkCommon(parsed, pool);
  const inputs = parseInputs(parsed.input);
  const asked = parsed.model;
  if (inputs.length === 0) return { kind: "load", model, answer: { model: asked, embeddings: [] } };
  const fieldOf = (index: number): string => (typeof parsed.input === "string" ? "input" : `input[${index}]`);
  const request = requestOf({ model, inputs, fieldOf, dimensions: parsed.dimensions ?? null });
  return { kind: "embed", run: timedRun(request, { pool, asked, write: writeAll }) };
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseOldEmbeddings(body: unknown, pool: Pool): EmbedCall {
  const parsed = parseAt(oldSchema, body, []);
  const model = checkCommon(parsed, pool);
  const prompt = parsed.prompt ?? "";
  if (prompt === "") return { kind: "load", model, answer: { embedding: [] } };
  const request = requestOf({ model, inputs: [prompt], fieldOf: () => "prompt", dimensions: null });
  return { kind: "embed", run: timedRun(request, { pool, asked: parsed.model, write: writeFirst }) };
}

type CommonFields = { readonly model: string; readonly options?: unknown; readonly keep_alive?: unknown };

/** The model as the pool names it. */
function checkCommon({ model, options, keep_alive }: CommonFields, pool: Pool): string {
  const found = findModel(model, () => pool.models());
  parseOptions(options, () => found.contextLength());
  isUnloading(keep_alive);
  return found.name;
}

function parseInputs(value: unknown): readonly string[] {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "string") return [parseAt(text, value, ["input"])];
  if (!Array.isArray(value)) throw invalid(["input"], "must be a string or a list of strings");
  if (value.length > pooledInputsMax)
    throw invalid(["input"], `must hold at most ${pooledInputsMax} inputs, not ${value.length}`);
  return value.map((input: unknown, index) => {
    if (input === "") throw invalid(["input", index], "must not be empty");
    return parseAt(text, input, ["input", index]);
  });
}

type Asked = Pick<EmbedRequest, "model" | "fieldOf" | "dimensions"> & { readonly inputs: readonly string[] };

function requestOf({ inputs, ...asked }: Asked): EmbedRequest {
  const texts = inputs.map((input) => ({ kind: "text", text: input }) as const);
  return { api: "ollama", timeoutMs: null, inputs: texts, ...asked };
}

type Written = { readonly model: string; readonly totalMs: number };

type Way = {
  readonly pool: Pool;
  /** The client's name for the model. */
  readonly asked: string;
  readonly write: (answer: Embeddings, written: Written) => Iterable<string>;
};

function timedRun(request: EmbedRequest, { pool, asked, write }: Way): PooledRun<Embeddings> {
  let totalMs = 0;
  return {
    ask: async (caller) => {
      const beganAtMs = performance.now();
      const answer = await pool.embed(request, caller);
      totalMs = performance.now() - beganAtMs;
      return answer;
    },
    write: (answer) => write(answer, { model: asked, totalMs }),
  };
}

function* writeAll({ vectors, promptTokens, queueMs }: Embeddings, { model, totalMs }: Written): Generator<string> {
  yield `{"model":${JSON.stringify(model)},"embeddings":[`;
  for (const [index, vector] of vectors.entries()) yield `${index === 0 ? "" : ","}${JSON.stringify([...vector])}`;
  const figures = {
    total_duration: nanoseconds(totalMs),
    load_duration: nanoseconds(queueMs),
    prompt_eval_count: promptTokens,
  };
  yield `],${JSON.stringify(figures).slice(1)}`;
}

function* writeFirst({ vectors: [vector] }: Embeddings): Generator<string> {
  yield JSON.stringify({ embedding: [...(vector ?? [])] });
}
