// The last that this coordinator has seen of a bucket, on its own disk: for a start while NATS is away, and for a NATS
// that lost its disk while no coordinator ran.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { BucketEntry } from "@pomona/shared/nats/bucket";
import type { Logger } from "@pomona/shared/runtime/logger";
import { readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { z } from "zod";

export type RememberedBucket = { readonly bucketId: string; readonly entries: readonly BucketEntry[] };

export type BucketMemory = {
  read(): RememberedBucket | null;
  write(remembered: RememberedBucket): void;
};

const fileSchema = z.strictObject({
  bucketId: z.string(),
  entries: z.array(z.strictObject({ key: z.string(), revision: z.number().int().min(1), value: z.base64() })).max(4096),
});

/** Keeps it in one file. A file that cannot be read or written is said, and costs nothing but the memory. */
export function bucketMemory(path: string, log: Logger): BucketMemory {
  return {
    read: () => {
      try {
        const text = readTextIfPresent(path);
        if (text === null) return null;
        const { bucketId, entries } = fileSchema.parse(JSON.parse(text));
        return { bucketId, entries: entries.map(({ value, ...entry }) => ({ ...entry, value: fromBase64(value) })) };
      } catch (error) {
        log.warn({ path, err: error }, "what was last known of NATS cannot be read");
        return null;
      }
    },
    write: ({ bucketId, entries }) => {
      const kept = entries.map(({ value, ...entry }) => ({ ...entry, value: Buffer.from(value).toString("base64") }));
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileAtomically(path, JSON.stringify({ bucketId, entries: kept }));
      } catch (error) {
        log.warn({ path, err: error }, "what is known of NATS cannot be written");
      }
    },
  };
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
