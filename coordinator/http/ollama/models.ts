// The pool's models as Ollama lists them.
import { totalFileBytes } from "@pomona/shared/core/model-files";
import { z } from "zod";
import { unknownModel } from "../../core/admission.ts";
import type { ModelState, ModelSummary } from "../../core/generation-request.ts";
import { invalid, parseAt } from "../requests/field.ts";

/** Ollama's name for the tag that a name without one has. */
const defaultTag = ":latest";

type Found = {
  readonly name: string;
  /** 0 while unknown. */
  readonly contextLength: () => number;
  /** null where the pool has none of this name. */
  readonly state: () => ModelState | null;
};

/** A name as the pool has it: with Ollama's default tag and without it is the same model. */
export function findModel(asked: string, models: () => readonly ModelSummary[]): Found {
  const has = (name: string): boolean => models().some((model) => model.name === name);
  const bare = asked.endsWith(defaultTag) ? asked.slice(0, -defaultTag.length) : asked;
  const name = bare === asked || has(asked) || !has(bare) ? asked : bare;
  const found = (): ModelSummary | undefined => models().find((model) => model.name === name);
  return { name, contextLength: () => found()?.contextLength ?? 0, state: () => found()?.state ?? null };
}

export function listModels(models: readonly ModelSummary[]): object {
  return {
    models: models.map((model) => ({
      ...namesOf(model, models),
      modified_at: timeOf(model),
      ...filesOf(model),
      capabilities: capabilitiesOf(model),
    })),
  };
}

/** How long a model stays is its deployment's to say. Clients reckon with the instant, so that it is not the last of all. */
const neverExpires = "2300-01-01T00:00:00Z";

/** Those that are loaded. Memory of replicas is told by `pomona status`; here it is the files' size, as a whole on the GPU. */
export function runningModels(models: readonly ModelSummary[]): object {
  const loaded = models.filter(({ readyReplicas }) => readyReplicas > 0);
  return {
    models: loaded.map((model) => ({
      ...namesOf(model, models),
      ...filesOf(model),
      expires_at: neverExpires,
      size_vram: totalFileBytes(model.files),
      context_length: model.contextLength,
    })),
  };
}

const showSchema = z.strictObject({
  model: z.string().max(256).nullish(),
  /** Its older name. */
  name: z.string().max(256).nullish(),
  verbose: z.boolean().nullish(),
  system: z.literal("").nullish(),
  template: z.literal("").nullish(),
  options: z.strictObject({}).nullish(),
});

/** @throws PomonaError `invalid_request` that names the field, `model_not_found` with the models that there are. */
export function showModel(body: unknown, models: readonly ModelSummary[]): object {
  const { model, name } = parseAt(showSchema, body, []);
  const asked = model ?? name ?? "";
  if (asked === "") throw invalid(["model"], "is missing");
  const found = oneModel(asked, models);
  const { architecture, card, contextLength } = found;
  return {
    license: "",
    modelfile: "",
    parameters: contextLength === 0 ? "" : `${"num_ctx".padEnd(parameterColumns)} ${contextLength}`,
    template: templateOf(card),
    details: detailsOf(found),
    model_info: {
      ...card?.values,
      "general.architecture": architecture,
      ...(card === null ? {} : { "general.parameter_count": card.parameterCount }),
      // That of the pool, which is what clients ask for as `num_ctx`.
      ...(architecture === "" || contextLength === 0 ? {} : { [`${architecture}.context_length`]: contextLength }),
    },
    capabilities: capabilitiesOf(found),
    modified_at: timeOf(found),
  };
}

const parameterColumns = 30;

/** Clients that know Ollama's templates look for these words in one, to know whether a model fills gaps. */
const infillNote = "{# .Prompt and .Suffix: the gap between them is filled #}";

/** The model's own Jinja; a comment in it changes nothing. */
function templateOf(card: ModelSummary["card"]): string {
  return `${card?.chatTemplate ?? ""}${card?.infills === true ? infillNote : ""}`;
}

/** Each model of a pool that writes can be told of tools. */
function capabilitiesOf({ card, embeds, writes }: ModelSummary): readonly string[] {
  const thinks = card !== null && card.thinking !== "never";
  return [
    ...(writes ? ["completion", "tools"] : []),
    ...(writes && card?.infills === true ? ["insert"] : []),
    ...(writes && thinks ? ["thinking"] : []),
    ...(embeds ? ["embedding"] : []),
  ];
}

/** @throws PomonaError `model_not_found` with the models that there are. */
export function oneModel(asked: string, models: readonly ModelSummary[]): ModelSummary {
  const { name } = findModel(asked, () => models);
  const found = models.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw unknownModel(
    asked,
    models.map((one) => one.name),
  );
}

/** Front ends add the default tag to a name without one, and look for that in the list. */
function namesOf({ name: own }: ModelSummary, models: readonly ModelSummary[]): object {
  const isTagged = own.slice(own.lastIndexOf("/") + 1).includes(":");
  const tagged = `${own}${defaultTag}`;
  const name = isTagged || models.some((model) => model.name === tagged) ? own : tagged;
  return { name, model: name };
}

function timeOf({ createdAtMs }: ModelSummary): string {
  return new Date(createdAtMs).toISOString();
}

/** Ollama's own client shows the first of its digits, which have to be there. */
const unknownDigest = "0".repeat(64);

function filesOf(model: ModelSummary): object {
  const digest = model.digest === "" ? unknownDigest : model.digest;
  return { size: totalFileBytes(model.files), digest, details: detailsOf(model) };
}

function detailsOf({ architecture, card }: ModelSummary): object {
  return {
    parent_model: "",
    format: "gguf",
    family: architecture,
    families: architecture === "" ? [] : [architecture],
    parameter_size: card === null ? "" : shortNumber(card.parameterCount),
    quantization_level: card?.quantization ?? "",
  };
}

/** As Ollama tells the size of a model: 8.0B, 134.52M. */
function shortNumber(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)}M`;
  return count >= 1e3 ? `${Math.round(count / 1e3)}K` : String(count);
}
