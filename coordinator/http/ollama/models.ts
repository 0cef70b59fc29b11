// The pool's models as Ollama lists them.

import { totalFileBytes } from "@pomona/shared/core/model-files";
import { z } from "zod";
import { unknownModel } from "../../core/admission.ts";
import type { ModelSummary } from "../../core/generation-request.ts";
import { invalid, parseAt } from "../openai/field.ts";

/** Ollama's name for the tag that a name without one has. */
const defaultTag = ":latest";

type Found = { readonly name: string; readonly contextLength: () => number };

/** A name as the pool has it: with Ollama's default tag and without it is the same model. */
export function findModel(asked: string, models: () => readonly ModelSummary[]): Found {
  const has = (name: string): boolean => models().some((model) => model.name === name);
  const bare = asked.endsWith(defaultTag) ? asked.slice(0, -defaultTag.length) : asked;
  const name = bare === asked || has(asked) || !has(bare) ? asked : bare;
  return { name, contextLength: () => models().find((model) => model.name === name)?.contextLength ?? 0 };
}

export function listModels(models: readonly ModelSummary[]): object {
  return {
    models: models.map((model) => ({ ...nameOf(model), modified_at: timeOf(model), ...filesOf(model) })),
  };
}

/** How long a model stays is its deployment's to say, and no instant that is known before. */
const neverExpires = "9999-12-31T23:59:59Z";

/** Those that are loaded. Memory of replicas is told by `pomona status`; here it is the files' size, as a whole on the GPU. */
export function runningModels(models: readonly ModelSummary[]): object {
  const loaded = models.filter(({ readyReplicas }) => readyReplicas > 0);
  return {
    models: loaded.map((model) => ({
      ...nameOf(model),
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
  const found = models.find((one) => one.name === findModel(asked, () => models).name);
  if (found === undefined)
    throw unknownModel(
      asked,
      models.map((one) => one.name),
    );
  const { architecture, contextLength } = found;
  return {
    modelfile: "",
    parameters: "",
    template: "",
    details: detailsOf(found),
    model_info: {
      "general.architecture": architecture,
      ...(architecture === "" || contextLength === 0 ? {} : { [`${architecture}.context_length`]: contextLength }),
    },
    // Each model of a pool can be told of tools; whether it thinks is found out from its template by the node that has it.
    capabilities: ["completion", "tools", ...(found.embeds ? ["embedding"] : [])],
    modified_at: timeOf(found),
  };
}

function nameOf({ name }: ModelSummary): object {
  return { name, model: name };
}

function timeOf({ createdAtMs }: ModelSummary): string {
  return new Date(createdAtMs).toISOString();
}

function filesOf(model: ModelSummary): object {
  return { size: totalFileBytes(model.files), digest: model.digest, details: detailsOf(model) };
}

function detailsOf({ architecture, files }: ModelSummary): object {
  return {
    parent_model: "",
    format: "gguf",
    family: architecture,
    families: architecture === "" ? [] : [architecture],
    parameter_size: "",
    quantization_level: quantizationOf(files[0]?.name ?? ""),
  };
}

/** By the habit of naming files: model-Q4_K_M.gguf, model.F16-00001-of-00002.gguf. Empty where the name does not say. */
function quantizationOf(fileName: string): string {
  const [, found = ""] = /[-._](I?Q\d[A-Z0-9_]*|BF16|F16|F32|MXFP4[A-Z0-9_]*)(?=[-.])/i.exec(fileName) ?? [];
  return found.toUpperCase();
}
