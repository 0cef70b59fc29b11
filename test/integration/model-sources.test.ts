// Models from a hub and from plain addresses: what a source may do wrong, and what becomes of it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ModelStore } from "@pomona/node-agent/model-store/model-store";
import type { SourcePolicy } from "@pomona/node-agent/model-store/sources/guarded-request";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { splitGguf } from "@pomona/shared/core/gguf/split-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { modelShapeOfHeaders } from "@pomona/shared/core/model-headers";
import { hubCommit, MisbehavingHub, type Misbehaviour } from "../support/misbehaving-hub.ts";
import { openStore } from "../support/model-store.ts";
import { NodeProcess, sha256Of } from "../support/node-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const folder = createTemporaryDirectory("sources");
const stores = new Set<ModelStore>();
let hub: MisbehavingHub;
/** Where a hub redirects downloads to. */
let cdn: MisbehavingHub;

before(async () => {
  hub = await MisbehavingHub.start();
  cdn = await MisbehavingHub.start();
});
after(async () => {
  await Promise.all([...[...stores].map((store) => store.close()), hub.close(), cdn.close()]);
  folder.remove();
});

let opened = 0;
/** A store whose hub is ours. */
function open(policy: Partial<SourcePolicy> = {}): { readonly store: ModelStore; readonly directory: string } {
  opened += 1;
  const directory = join(folder.path, `store-${opened}`);
  const { store } = openStore(directory, {
    policy: { allowsPrivate: false, hubOrigin: hub.origin, token: "secret", stallMs: 200, ...policy },
  });
  stores.add(store);
  return { store, directory };
}

const never = new AbortController().signal;
const inspect = (store: ModelStore, source: string, digest = "") =>
  store.inspect({ source, digest, known: [], signal: never });

async function pull(store: ModelStore, files: readonly NamedFile[], source: string): Promise<void> {
  await store.pull({ files, source, peers: [], signal: never, onProgress: () => undefined });
}

/** Pulls until a chunk is on disk, and leaves. */
async function pullPart(store: ModelStore, file: NamedFile, source: string): Promise<void> {
  hub.misbehave({ kind: "stall", afterBytes: 18_000_000 });
  const controller = new AbortController();
  const onProgress = ({ heldBytes }: { readonly heldBytes: number }): void => {
    if (heldBytes > 0) controller.abort();
  };
  const { signal } = controller;
  await assert.rejects(store.pull({ files: [file], source, peers: [], signal, onProgress }), { code: "cancelled" });
}

const digestOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const named = (name: string, content: Uint8Array): NamedFile => ({
  name,
  bytes: content.length,
  digest: digestOf(content),
});

const model = writeGguf(countingModel());
const larger = writeGguf(countingModel({ type: "F16", variant: "cycle" }));
const parts = splitGguf(countingModel(), 2).map(writeGguf);
/** Two chunks and a bit, of which the first half is nothing like the second. */
const long = Buffer.alloc(34_000_000, "one two three four ");
long.fill("five six", 18_000_000);

/** An asker that sees these files at the hub. */
function offer(target: MisbehavingHub, files: Readonly<Record<string, Uint8Array>>): void {
  target.files.clear();
  for (const [path, content] of Object.entries(files)) target.files.set(path, content);
  target.asked.length = 0;
  target.misbehave(undefined);
}

test("a repository shows its variants; one of them is pinned, inspected by its beginning and pulled", async () => {
  const repository = {
    "README.md": Buffer.from("hello"),
    "m-Q4_0.gguf": model,
    "deep/m-Q8_0-00001-of-00002.gguf": parts[0] ?? model,
    "deep/m-Q8_0-00002-of-00002.gguf": parts[1] ?? model,
    "mmproj-m-F16.gguf": model,
  };
  offer(hub, repository);
  const { store, directory } = open();
  const all = await inspect(store, "hf:o/r");
  assert.deepEqual(
    all.variants.map(({ quant, files }) => [quant, files.length]),
    [
      ["Q4_0", 1],
      ["Q8_0", 2],
    ],
  );
  assert.deepEqual([all.pinnedSource, all.files.length], [`hf:o/r@${hubCommit}`, 0]);
  const chosen = await inspect(store, `${all.pinnedSource}:q8_0`);
  assert.equal(chosen.pinnedSource, `hf:o/r@${hubCommit}:Q8_0`);
  assert.equal(chosen.isInPlace, false);
  assert.deepEqual(
    chosen.files,
    parts.map((part, i) => named(`m-Q8_0-0000${i + 1}-of-00002.gguf`, part)),
  );
  const shape = modelShapeOfHeaders(chosen.files, chosen.headers);
  assert.deepEqual(shape, modelShapeOfHeaders(chosen.files, parts));
  const files = chosen.files.map((file) => ({ ...file, digest: file.digest ?? "" }));
  await pull(store, files, chosen.pinnedSource);
  const first = await store.provide(files, never);
  assert.equal(await sha256Of(first), files[0]?.digest);
  assert.deepEqual(readdirSync(join(directory, "models", "partial")), []);
});

test("a file behind a redirect comes without the token, and goes on where it broke off", async () => {
  offer(hub, { "long.gguf": long });
  offer(cdn, { "long.gguf": long });
  hub.misbehave({ kind: "redirect", to: cdn.urlOf("long.gguf") });
  cdn.misbehave({ kind: "breakOff", afterBytes: 18_000_000 }, 1);
  const { store, directory } = open({ allowsPrivate: true });
  const file = named("long.gguf", long);
  await pull(store, [file], "hf:o/r:long");
  assert.deepEqual(readFileSync(join(directory, "models", "blobs", `${file.digest}.gguf`)), long);
  assert.ok(hub.asked.every(({ authorization }) => authorization === "Bearer secret"));
  assert.ok(cdn.asked.every(({ authorization }) => authorization === undefined));
  assert.deepEqual(
    cdn.asked.map(({ range }) => range),
    [undefined, `bytes=${2 ** 24}-`],
  );
});

type Case = readonly [string, Misbehaviour, { readonly code: string; readonly message: RegExp }];
const failures: readonly Case[] = [
  [
    "stalls",
    { kind: "stall", afterBytes: 1000 },
    { code: "transfer_failed", message: /stalls: almost nothing came for 0.2 s/ },
  ],
  ["trickles", { kind: "trickle" }, { code: "transfer_failed", message: /stalls/ }],
  [
    "breaks off",
    { kind: "breakOff", afterBytes: 1000 },
    { code: "transfer_failed", message: /cannot be read|broke off/ },
  ],
  [
    "redirects into the own network",
    { kind: "redirect", to: "https://169.254.169.254/x" },
    { code: "transfer_failed", message: /169.254.169.254, which is not on the Internet.*allowsPrivateSources/ },
  ],
  [
    "redirects to a name of the own network",
    { kind: "redirect", to: "https://localhost/x" },
    { code: "transfer_failed", message: /localhost is (127.0.0.1|::1), which is not on/ },
  ],
  [
    "redirects to what is not encrypted",
    { kind: "redirect", to: "http://example.invalid/x" },
    { code: "transfer_failed", message: /not encrypted/ },
  ],
  ["redirects to itself", { kind: "redirect", to: "" }, { code: "transfer_failed", message: /redirects to nowhere/ }],
  ["says no length", { kind: "noLength" }, { code: "transfer_failed", message: /does not say how long/ }],
  [
    "has a shorter file",
    { kind: "other", content: long.subarray(0, 10_000_000) },
    { code: "transfer_failed", message: /has 10000000 bytes, and 34000000 were promised/ },
  ],
  [
    "has other bytes",
    { kind: "other", content: Buffer.alloc(long.length, 7) },
    { code: "transfer_failed", message: /has the SHA-256 .* instead of .*thrown away/ },
  ],
  ["is gated", { kind: "status", status: 403 }, { code: "failed_precondition", message: /set HF_TOKEN/ }],
  [
    "has no such file",
    { kind: "status", status: 404 },
    { code: "not_found", message: /look at the name and the revision/ },
  ],
  ["is overloaded", { kind: "status", status: 503 }, { code: "transfer_failed", message: /HTTP 503/ }],
  ["refuses", { kind: "status", status: 410 }, { code: "transfer_failed", message: /HTTP 410: take another/ }],
];

test("a source that misbehaves gives a named error, and nothing of it becomes a model", async () => {
  const file = named("long.gguf", long);
  for (const [what, misbehaviour, expected] of failures) {
    offer(hub, { "long.gguf": long });
    hub.misbehave(misbehaviour);
    const { store, directory } = open();
    await assert.rejects(pull(store, [file], "hf:o/r:long"), expected, what);
    assert.deepEqual(readdirSync(join(directory, "models", "blobs")), [], what);
    const [failed] = store.statuses();
    assert.deepEqual([failed?.state, failed?.failure?.code], ["failed", expected.code], what);
    await assert.rejects(store.openForSending(file.digest), { code: "not_found" }, what);
    await assert.rejects(store.provide([file], never), { code: "not_found" }, what);
    hub.misbehave(undefined);
    await pull(store, [file], "hf:o/r:long");
    assert.equal(store.statuses()[0]?.state, "verified", what);
    await store.close();
  }
});

test("a source without ranges, or whose file has changed its length, is begun anew or refused", async () => {
  offer(hub, { "long.gguf": long });
  const file = named("long.gguf", long);
  const { store } = open();
  await pullPart(store, file, "hf:o/r:long");
  hub.misbehave({ kind: "other", content: long.subarray(0, 1000) });
  await assert.rejects(pull(store, [file], "hf:o/r:long"), { code: "transfer_failed", message: /is shorter/ });
  hub.misbehave({ kind: "noRanges" });
  await pull(store, [file], "hf:o/r:long");
  assert.equal(store.statuses()[0]?.state, "verified");
});

test("a plain address needs a digest, encryption, a name and a public host", async () => {
  offer(hub, { "m.gguf": model, "page.gguf": Buffer.from("<html>never mind</html>") });
  const { store } = open();
  const digest = digestOf(model);
  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ["https://example.com/m.gguf", "invalid_request", /name the SHA-256 of the file/],
    ["ftp://example.com/m.gguf", "invalid_request", /not known/],
    ["https://example.com/..%2f..%2fm.gguf", "invalid_request", /is not a file name/],
    ["https://example.com/m%0a.gguf", "invalid_request", /is not a file name/],
    ["https://example.com/", "invalid_request", /is not a file name/],
    ["https://user:word@example.com/m.gguf", "invalid_request", /must not hold a password/],
    [`http://127.0.0.2:1/m.gguf`, "transfer_failed", /not encrypted/],
    ["https://127.0.0.1/m.gguf", "transfer_failed", /not on the Internet/],
    ["https://[::ffff:10.0.0.1]/m.gguf", "transfer_failed", /not on the Internet/],
    ["https://localhost/m.gguf", "transfer_failed", /not on the Internet/],
    ["https://2130706433/m.gguf", "transfer_failed", /127.0.0.1, which is not on the Internet/],
  ];
  for (const [source, code, message] of refusals) {
    const known = message.source.includes("SHA-256") ? "" : digest;
    await assert.rejects(inspect(store, source, known), { code, message }, source);
  }
  const { store: open2 } = open({ allowsPrivate: true });
  const found = await inspect(open2, cdnUrl("m.gguf"), digest);
  assert.deepEqual([found.files, found.isInPlace], [[named("m.gguf", model)], false]);
  await pull(open2, [named("m.gguf", model)], found.pinnedSource);
  await assert.rejects(inspect(open2, cdnUrl("page.gguf"), digest), {
    code: "invalid_model",
    message: /not a GGUF file/,
  });
  await assert.rejects(inspect(open2, cdnUrl("none.gguf"), digest), { code: "not_found" });
});

const cdnUrl = (path: string): string => hub.urlOf(path);

test("files that are no models, are cut short or lie about their sizes are refused before anything is pulled", async () => {
  const lying = Uint8Array.from(model);
  // The number of tensors.
  new DataView(lying.buffer).setBigUint64(8, 1n << 40n, true);
  const cases = {
    "page.gguf": [Buffer.from("<html>"), /not a GGUF file/],
    "short.gguf": [model.subarray(0, model.length - 1), /its tensors need/],
    "lying.gguf": [lying, /number of tensors/],
  } as const;
  const { store } = open();
  for (const [name, [content, message]] of Object.entries(cases)) {
    offer(hub, { [name]: content });
    await assert.rejects(inspect(store, "hf:o/r"), { code: "invalid_model", message }, name);
  }
  offer(hub, { "../m.gguf": model });
  await assert.rejects(inspect(store, "hf:o/r"), { code: "transfer_failed", message: /which is none/ });
  offer(hub, { "README.md": model });
  await assert.rejects(inspect(store, "hf:o/r"), { code: "not_found", message: /no whole GGUF model/ });
  offer(hub, { "m-Q4_0.gguf": model, "m-Q8_0.gguf": larger });
  await assert.rejects(inspect(store, "hf:o/r:Q5_K"), { code: "not_found", message: /it has: / });
});

test("a node asks the hub of its environment, and tells the coordinator what it found", async (t) => {
  offer(hub, { "m-Q4_0.gguf": model });
  const environment = { HF_ENDPOINT: hub.origin, HF_TOKEN: "from the environment" };
  const node = await NodeProcess.start({ stateDir: join(folder.path, "node"), environment });
  t.after(() => node.close());
  const { files, pinnedSource, headers, isInPlace } = await node.inspect("hf:o/r");
  assert.deepEqual([pinnedSource, isInPlace, headers.length], [`hf:o/r@${hubCommit}:Q4_0`, false, 1]);
  const file = named("m-Q4_0.gguf", model);
  assert.deepEqual(files, [file]);
  await node.pull([file], { source: pinnedSource });
  await node.load("from-the-hub", [file]);
  assert.ok(hub.asked.every(({ authorization }) => authorization === "Bearer from the environment"));
  const builtin = await node.inspect("builtin:tiny");
  assert.equal(builtin.isInPlace, true);
  await assert.rejects(node.inspect(join(folder.path, "none.gguf")), { code: "not_found", message: /is mounted/ });
});
