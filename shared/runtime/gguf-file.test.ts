import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { countingModel } from "../core/gguf/counting-model.ts";
import { writeGguf } from "../core/gguf/writer.ts";
import { readGgufHeader } from "./gguf-file.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-gguf-"));
const never = new AbortController().signal;
after(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test("a header longer than the first piece is read whole", async () => {
  const model = countingModel();
  const metadata = new Map(model.metadata);
  for (let i = 0; i < 5; i++) metadata.set(`general.long.${i}`, { kind: "string", value: "x".repeat(900_000) });
  const bytes = writeGguf({ ...model, metadata });
  const { header, fileBytes } = await readGgufHeader(write("long.gguf", bytes), never);
  assert.equal(fileBytes, bytes.length);
  assert.equal(header.architecture, "llama");
  assert.equal(header.tensors.length, 12);
});

test("a refused file is named together with the reason", async () => {
  const refused = (path: string, reason: RegExp): Promise<void> =>
    assert.rejects(readGgufHeader(path, never), (error: Error & { code?: string }) => {
      assert.equal(error.code, "invalid_model");
      assert.ok(error.message.startsWith(path));
      assert.match(error.message, reason);
      return true;
    });
  await refused(write("page.gguf", Buffer.from("<html>")), / is not a GGUF file: it starts with "<htm"$/);
  await refused(write("empty.gguf", new Uint8Array()), /it is empty/);
  await refused(join(folder, "absent.gguf"), /there is no such file/);
  await refused(folder, /is not a file/);
  const cut = write("cut.gguf", writeGguf(countingModel()));
  truncateSync(cut, 100_000);
  await refused(cut, /its tensors need \d+ bytes, but it ends after 100000/);
});

test("an aborted signal cancels", async () => {
  const path = write("counting.gguf", writeGguf(countingModel()));
  await assert.rejects(readGgufHeader(path, AbortSignal.abort()), { code: "cancelled" });
});
