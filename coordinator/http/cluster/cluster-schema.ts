// Bodies of the cluster API: the JSON of pomona.v1, where every field may be left out, and a field that is unknown is
// refused by name. What the fields may be is checked as for gRPC.
import type { PlanPlacementRequest__Output } from "@pomona/proto/generated/pomona/v1/PlanPlacementRequest";
import type { PutDeploymentRequest__Output } from "@pomona/proto/generated/pomona/v1/PutDeploymentRequest";
import type { PutNodeSettingsRequest__Output } from "@pomona/proto/generated/pomona/v1/PutNodeSettingsRequest";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import { z } from "zod";
import { invalid, parseAt } from "../requests/field.ts";

const listMax = 256;
const textLengthMax = 4096;

const word = z.string().max(textLengthMax);
const uint32 = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const words = z.array(word).max(listMax);

const engine = z.strictObject({
  gpuLayers: uint32.exactOptional(),
  threads: uint32.exactOptional(),
  batchSize: uint32.exactOptional(),
  chunkLength: uint32.exactOptional(),
  kvType: word.exactOptional(),
  noFlashAttention: z.boolean().exactOptional(),
  noMmap: z.boolean().exactOptional(),
  mlock: z.boolean().exactOptional(),
  embeddingLength: uint32.exactOptional(),
  loras: z
    .array(z.strictObject({ path: word, scale: z.number().min(-100).max(100) }))
    .max(listMax)
    .exactOptional(),
});

const deployment = z.strictObject({
  model: word.exactOptional(),
  source: word.exactOptional(),
  digest: word.exactOptional(),
  slots: uint32.exactOptional(),
  contextLength: uint32.exactOptional(),
  engine: engine.exactOptional(),
  minReplicas: uint32.exactOptional(),
  maxReplicas: uint32.exactOptional(),
  availability: uint32.exactOptional(),
  isPinned: z.boolean().exactOptional(),
  keepAliveMs: count.exactOptional(),
  priority: z
    .number()
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31 - 1)
    .exactOptional(),
  labels: words.exactOptional(),
});

const deploymentBody = deployment.extend({ expectedRevision: count.exactOptional() });

const settingsBody = z.strictObject({
  labels: words.exactOptional(),
  isCordoned: z.boolean().exactOptional(),
  isDraining: z.boolean().exactOptional(),
  reservedBytes: count.exactOptional(),
  expectedRevision: count.exactOptional(),
});

const planBody = z.strictObject({
  deployments: z.array(deployment).max(listMax).exactOptional(),
  removedModels: words.exactOptional(),
  lostNodes: words.exactOptional(),
});

/** What stands beside the body. */
export type EditTarget = {
  /** The model or node that the path names. */
  readonly name: string;
  /** What the headers say of it; null when they do not. */
  readonly expectedRevision: number | null;
};

/** @throws PomonaError `invalid_request` that names the field. */
export function parseDeployment(body: unknown, { name, expectedRevision }: EditTarget): PutDeploymentRequest__Output {
  const { expectedRevision: revision, ...fields } = parseAt(deploymentBody, body, []);
  if (fields.model !== undefined && fields.model !== name)
    throw invalid(["model"], "is another than the one that the path names");
  const request = { deployment: { ...fields, model: name }, ...expected(expectedRevision, revision) };
  // The codec fills in what is not set.
  return pomona.PutDeploymentRequest.deserialize(pomona.PutDeploymentRequest.serialize(request));
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parseSettings(body: unknown, { name, expectedRevision }: EditTarget): PutNodeSettingsRequest__Output {
  const { expectedRevision: revision, ...settings } = parseAt(settingsBody, body, []);
  const request = { nodeId: name, settings, ...expected(expectedRevision, revision) };
  return pomona.PutNodeSettingsRequest.deserialize(pomona.PutNodeSettingsRequest.serialize(request));
}

/** @throws PomonaError `invalid_request` that names the field. */
export function parsePlan(body: unknown): PlanPlacementRequest__Output {
  const request = parseAt(planBody, body ?? {}, []);
  return pomona.PlanPlacementRequest.deserialize(pomona.PlanPlacementRequest.serialize(request));
}

function expected(fromHeaders: number | null, fromBody: number | undefined): { expectedRevision?: number } {
  if (fromHeaders !== null && fromBody !== undefined && fromHeaders !== fromBody)
    throw invalid(["expectedRevision"], "is another than the one that the headers name");
  const revision = fromHeaders ?? fromBody;
  return revision === undefined ? {} : { expectedRevision: revision };
}

/** The checks name fields as the wire format does: `deployment.keep_alive_ms` is `keepAliveMs` of a body. */
export function inJsonWords(thrown: unknown): unknown {
  if (!(thrown instanceof PomonaError) || thrown.code !== "invalid_request" || thrown.field === null) return thrown;
  const field = thrown.field
    .replace(/^(deployment|settings)\./, "")
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return new PomonaError(thrown.code, thrown.message.replace(thrown.field, field), { field });
}
