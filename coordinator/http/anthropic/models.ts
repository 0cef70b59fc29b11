// The pool's models as Anthropic's API lists them. https://docs.anthropic.com/en/api/models-list
import { z } from "zod";
import type { ModelSummary } from "../../core/generation-request.ts";
import { invalid, parseAt } from "../requests/field.ts";

export function modelInfo({ name, createdAtMs, contextLength }: ModelSummary): object {
  const length = contextLength === 0 ? null : contextLength;
  return {
    type: "model",
    id: name,
    display_name: name,
    created_at: new Date(createdAtMs).toISOString(),
    capabilities: null,
    // The context holds both.
    max_input_tokens: length,
    max_tokens: length,
    // A model is in a pool until it is taken out of it.
    lifecycle: "active",
    line: null,
    deprecated_at: null,
    retires_at: null,
  };
}

const pageMax = 1000;
const pageDefault = 20;

const lifecycle = z.enum(["active", "deprecated", "retired"]);

const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(pageMax).default(pageDefault),
  after_id: z.string().max(256).optional(),
  before_id: z.string().max(256).optional(),
  /** One, or several under the name that the API's clients write. */
  lifecycle: z.union([lifecycle, z.array(lifecycle)]).optional(),
  "lifecycle[]": z.union([lifecycle, z.array(lifecycle)]).optional(),
});

/** A page of the list, the newest first. @throws PomonaError `invalid_request` that names the field. */
export function modelPage(models: readonly ModelSummary[], query: unknown): object {
  const { limit, after_id: after, before_id: before, ...others } = parseAt(pageSchema, query, []);
  const wanted = [others.lifecycle ?? others["lifecycle[]"] ?? "active"].flat();
  const listed = wanted.includes("active") ? models : [];
  const sorted = [...listed].sort((a, b) => b.createdAtMs - a.createdAtMs);
  const indexOf = (id: string, field: string): number => {
    const index = sorted.findIndex(({ name }) => name === id);
    if (index < 0) throw invalid([field], "is none of the models");
    return index;
  };
  const from = after === undefined ? 0 : indexOf(after, "after_id") + 1;
  const to = before === undefined ? sorted.length : indexOf(before, "before_id");
  const rest = sorted.slice(from, to);
  // Before a model means the page that ends with the one next to it.
  const page = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    data: page.map(modelInfo),
    has_more: page.length < rest.length,
    first_id: page.at(0)?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
}
