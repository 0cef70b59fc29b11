// What a coordinator leaves with each attempt at its node, so that another one can go on with the request when it is gone. It
// travels from coordinator to node and back, and is never written anywhere.

import { takeoverBytesMax } from "@pomona/shared/core/generation";
import type { ModelName } from "@pomona/shared/core/ids";
import { callFormats, thoughtFormats } from "@pomona/shared/core/output/output-parser";
import { z } from "zod";
import { type ApiName, apiNames } from "./core/generation-request.ts";
import type { Assembly } from "./core/output-plan.ts";
import type { Priority } from "./core/scheduler/waiting-request.ts";
import type { RequestName } from "./named-requests.ts";

export type TakeoverNote = RequestName & {
  readonly api: ApiName;
  readonly model: ModelName;
  readonly promptDigest: string;
  readonly priority: Priority;
  /** Texts that end the answer: those of the request and those of the model's template. */
  readonly stop: readonly string[];
  readonly assembly: Assembly;
  /** Of the wall clock. */
  readonly deadlineAtMs: number;
  /** Bytes of the tokens that earlier attempts have emitted. */
  readonly texts: readonly Uint8Array[];
};

const noteSchema = z.strictObject({
  v: z.literal(1),
  api: z.enum(apiNames),
  model: z.string(),
  promptDigest: z.string(),
  tenant: z.string(),
  priority: z.enum(["interactive", "batch"]),
  stop: z.array(z.string()),
  assembly: z.strictObject({
    format: z.strictObject({ calls: z.enum(callFormats), thoughts: z.enum(thoughtFormats) }),
    startsInReasoning: z.boolean(),
    startsInText: z.boolean().default(false),
    toolNames: z.array(z.string()),
    textParameters: z.record(z.string(), z.array(z.string())),
    isOneCall: z.boolean(),
    isCallForced: z.boolean(),
  }),
  deadlineAtMs: z.number(),
  idempotencyKey: z.string(),
  fingerprint: z.string(),
  texts: z.array(z.base64()),
});

/** Empty where the note would be too long: the request ends with its coordinator then. */
export function takeoverBytes(note: TakeoverNote): Uint8Array {
  const texts = note.texts.map((text) => Buffer.from(text).toString("base64"));
  const bytes = Buffer.from(JSON.stringify({ v: 1, ...note, texts }));
  return bytes.length > takeoverBytesMax ? new Uint8Array(0) : bytes;
}

/** Null for what no coordinator of this version wrote. */
export function readTakeover(bytes: Uint8Array): TakeoverNote | null {
  const parsed = noteSchema.safeParse(jsonOf(bytes));
  if (!parsed.success) return null;
  const { v: _, texts, ...note } = parsed.data;
  return { ...note, texts: texts.map((text) => Buffer.from(text, "base64")) };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return null;
  }
}
