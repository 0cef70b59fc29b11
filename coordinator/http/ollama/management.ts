// Requests that would change which models there are: refused with what does it here. What is asked for and is there already is
// no change.
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";
import type { ModelSummary } from "../../core/generation-request.ts";
import { parseAt } from "../requests/field.ts";
import { findModel, oneModel } from "./models.ts";

type ManagementCall = {
  readonly method: "POST" | "DELETE";
  /** What to do instead. */
  readonly advice: string;
};

export const managementCalls: Readonly<Record<string, ManagementCall>> = {
  "/api/push": { method: "POST", advice: "a pool's models are pushed nowhere" },
  "/api/create": { method: "POST", advice: "add it with: pomona models add NAME=SOURCE" },
  "/api/copy": { method: "POST", advice: "add the source under another name with: pomona models add NAME=SOURCE" },
  "/api/delete": { method: "DELETE", advice: "remove it with: pomona models rm NAME" },
};

/** @throws PomonaError `model_not_found` for a model that the pool has not, else `invalid_request` with what to do instead. */
export function refuseManagement(path: string, body: unknown, models: readonly ModelSummary[]): never {
  const named = z.object({ model: z.string().optional(), name: z.string().optional() }).safeParse(body);
  const asked = named.data?.model ?? named.data?.name ?? "";
  if (path === "/api/delete" && asked !== "") oneModel(asked, models);
  const advice = managementCalls[path]?.advice ?? "use pomona models";
  throw new PomonaError("invalid_request", `models are not changed over this API: ${advice}`);
}

const pullSchema = z.strictObject({
  model: z.string().max(256).nullish(),
  /** Its older name. */
  name: z.string().max(256).nullish(),
  stream: z.boolean().nullish(),
  // Nothing is fetched.
  insecure: z.boolean().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
});

/** Front ends pull what they are about to use: whether it comes in lines. @throws PomonaError for a model that is not there. */
export function parsePull(body: unknown, models: readonly ModelSummary[]): { readonly isStream: boolean } {
  const { model, name, stream } = parseAt(pullSchema, body, []);
  const asked = model ?? name ?? "";
  if (asked === "") throw new PomonaError("invalid_request", "model is missing", { field: "model" });
  const found = findModel(asked, () => models).name;
  if (models.some((one) => one.name === found)) return { isStream: stream ?? true };
  const shown = JSON.stringify(asked.slice(0, 200));
  throw new PomonaError(
    "model_not_found",
    `model ${shown} was not found in this pool, and this API adds none: add it with: pomona models add NAME=SOURCE`,
    { field: "model" },
  );
}
