// The store of one node, by itself.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { openStore } from "../support/model-store.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const folder = createTemporaryDirectory("store");
after(() => folder.remove());
const never = new AbortController().signal;

function write(name: string, length: number): { readonly path: string; readonly file: NamedFile } {
  const content = randomBytes(length);
  const path = join(folder.path, name);
  writeFileSync(path, content);
  return { path, file: { name, bytes: length, digest: createHash("sha256").update(content).digest("hex") } };
}

const pullFrom = (source: string, files: readonly NamedFile[]) => ({
  files,
  source,
  peers: [],
  signal: never,
  onProgress: () => undefined,
});

test("a file on a volume that vanishes is not offered, and is again when it is back", async (t) => {
  const { path, file } = write("volume.gguf", 100_000);
  const { store } = openStore(join(folder.path, "volume"));
  t.after(() => store.close());
  await store.pull(pullFrom(path, [file]));
  assert.equal(await store.provide([file], never), path);
  renameSync(path, `${path}.away`);
  await store.look();
  const [lost] = store.statuses();
  assert.deepEqual([lost?.state, lost?.heldBytes, lost?.failure?.code], ["failed", 0, "not_found"]);
  assert.match(lost?.failure?.message ?? "", /volume.gguf that can be read on this node.*is mounted/);
  await assert.rejects(store.openForSending(file.digest), { code: "not_found" });
  await assert.rejects(store.provide([file], never), { code: "not_found", message: /is mounted/ });
  renameSync(`${path}.away`, path);
  await store.look();
  assert.equal(store.statuses()[0]?.state, "verified");
  writeFileSync(path, randomBytes(100_000));
  await store.look();
  const [changed] = store.statuses();
  assert.equal(changed?.failure?.code, "transfer_failed");
  assert.match(changed?.failure?.message ?? "", /have changed.*put the right file back/);
});

test("what lies where it is used is listed again after a restart, and nothing of it is removed", async () => {
  const { path, file } = write("kept.gguf", 50_000);
  const directory = join(folder.path, "kept");
  const first = openStore(directory);
  await first.store.pull(pullFrom(path, [file]));
  await first.store.close();
  const { store } = openStore(directory);
  await store.look();
  assert.equal(store.statuses()[0]?.state, "verified");
  await assert.rejects(store.remove(file.digest), { code: "failed_precondition", message: /remove it there/ });
  await store.close();
});

test("opening a store removes what nothing can use", async () => {
  const directory = join(folder.path, "leftovers");
  const models = join(directory, "models");
  for (const name of ["blobs", "partial", "sets/broken", "sets/empty"])
    mkdirSync(join(models, name), { recursive: true });
  writeFileSync(join(models, "blobs", "x.tmp"), "x");
  writeFileSync(join(models, "partial", "x.part"), "x");
  symlinkSync(join(models, "blobs", "gone.gguf"), join(models, "sets/broken/a.gguf"));
  const digest = createHash("sha256").update("whole").digest("hex");
  writeFileSync(join(models, "blobs", `${digest}.gguf`), "whole");
  writeFileSync(join(models, "partial", `${digest}.part`), "wh");
  const { store } = openStore(directory);
  assert.deepEqual(readdirSync(join(models, "blobs")), [`${digest}.gguf`]);
  assert.deepEqual(readdirSync(join(models, "partial")), [`${digest}.part`]);
  assert.deepEqual(readdirSync(join(models, "sets")), []);
  assert.equal(store.statuses()[0]?.state, "verifying");
  await store.look();
  assert.equal(store.statuses()[0]?.state, "verified");
  truncateSync(join(models, "blobs", `${digest}.gguf`), 2);
  await store.look();
  assert.equal(store.statuses()[0]?.state, "failed");
  await store.close();
});

test("a pipe, a folder of several models and a file of another digest are refused by name", async () => {
  const { path, file } = write("one.gguf", 1000);
  write("two.gguf", 1000);
  const { store } = openStore(join(folder.path, "refused"));
  const inspect = (source: string) => store.inspect({ source, digest: "", known: [], signal: never });
  await assert.rejects(inspect("/dev/null"), { code: "not_found", message: /it is no file/ });
  await assert.rejects(inspect(folder.path), { code: "invalid_request", message: /name one of .*one.gguf/ });
  await assert.rejects(inspect(path), { code: "invalid_model", message: /not a GGUF file/ });
  await assert.rejects(inspect(`file:${path}.none`), { code: "not_found", message: /there is nothing/ });
  const other = { ...file, digest: "0".repeat(64) };
  await assert.rejects(store.pull(pullFrom(path, [other])), { code: "transfer_failed", message: /instead of 0000/ });
  await assert.rejects(store.pull(pullFrom("gopher:x", [file])), { code: "transfer_failed" });
  await store.close();
});
