import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, test } from "node:test";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { ModelDigests } from "./model-digests.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-digests-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const known = { isFresh: false, signal };

function open(name: string): ModelDigests {
  return new ModelDigests({ cachePath: join(folder, `${name}.json`), log: createSilentLogger() });
}

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Other bytes of the same length in the same file, which the system's times do not show. */
function alterUnseen(path: string, content: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, content);
  utimesSync(path, atime, mtime);
}

test("a digest is the SHA-256 of the file, also of an empty one and one of several chunks", async () => {
  const digests = open("plain");
  for (const content of ["", "a model", randomBytes(2 ** 21 + 17)]) {
    assert.equal(await digests.digestOf(write("plain.gguf", content), known), sha256(content));
  }
});

test("a version of a file is read once, also after a restart, until it is asked for afresh", async () => {
  const path = write("once.gguf", "first");
  utimesSync(path, 1000, 1000);
  assert.equal(await open("once").digestOf(path, known), sha256("first"));
  alterUnseen(path, "other");
  assert.equal(await open("once").digestOf(path, known), sha256("first"));
  assert.equal(await open("once").digestOf(path, { isFresh: true, signal }), sha256("other"));
  assert.equal(await open("once").digestOf(path, known), sha256("other"));
});

test("a file with another size, time or inode is read again", async () => {
  const digests = open("changed");
  const path = write("changed.gguf", "one");
  await digests.digestOf(path, known);
  assert.equal(await digests.digestOf(write("changed.gguf", "longer"), known), sha256("longer"));
  write("changed.gguf", "fourth");
  utimesSync(path, 2000, 2000);
  assert.equal(await digests.digestOf(path, known), sha256("fourth"));
  const other = write("other.gguf", "fifth!");
  utimesSync(other, 2000, 2000);
  renameSync(other, path);
  assert.equal(await digests.digestOf(path, known), sha256("fifth!"));
});

test("a damaged cache is as good as none, and nothing is left beside it", async () => {
  for (const damaged of [
    "{",
    "[]",
    '{"files":{"x":1}}',
    '{"files":{"x":{"size":1,"mtimeMs":1,"inode":1,"digest":"z"}}}',
  ]) {
    write("damaged.json", damaged);
    const path = write("damaged.gguf", damaged);
    assert.equal(await open("damaged").digestOf(path, known), sha256(damaged));
    assert.doesNotThrow(() => JSON.parse(readFileSync(join(folder, "damaged.json"), "utf8")));
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes(".tmp")),
    [],
  );
});

test("a cache that cannot be written costs nothing but time", async () => {
  const digests = new ModelDigests({ cachePath: join(folder, "absent", "digests.json"), log: createSilentLogger() });
  assert.equal(await digests.digestOf(write("lost.gguf", "a"), known), sha256("a"));
});

test("a file that is missing, or is a folder, is refused with its path", async () => {
  for (const path of [join(folder, "none.gguf"), folder]) {
    await assert.rejects(open("missing").digestOf(path, known), { code: "invalid_model", message: new RegExp(path) });
  }
});

test("a call ends as cancelled as soon as its signal aborts, also while another file is read", async () => {
  const digests = open("cancelled");
  const path = write("long.gguf", new Uint8Array(2 ** 26));
  const reading = digests.digestOf(path, known);
  const controller = new AbortController();
  const waiting = digests.digestOf(path, { isFresh: true, signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, { code: "cancelled" });
  assert.equal(await reading, sha256(new Uint8Array(2 ** 26)));
  await assert.rejects(digests.digestOf(path, { isFresh: true, signal: AbortSignal.abort() }), { code: "cancelled" });
  assert.equal(await digests.digestOf(path, known), await reading);
});

test("reading leaves the event loop free", async (t) => {
  const path = write("large.gguf", new Uint8Array(2 ** 27));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  await open("large").digestOf(path, known);
  const ms = performance.now() - startedAt;
  delay.disable();
  const p99 = delay.percentile(99) / 1e6;
  t.diagnostic(`128 MiB in ${ms.toFixed(0)} ms, event loop delay p99 ${p99.toFixed(1)} ms`);
  assert.ok(p99 < 25, `${p99} ms`);
});
