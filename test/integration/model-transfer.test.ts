// Model files between node-agents: real processes over loopback, cut, killed, truncated and with bytes flipped on disk.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { countingModel } from "@pomona/shared/core/gguf/counting-model";
import { splitGguf } from "@pomona/shared/core/gguf/split-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import type { NamedFile } from "@pomona/shared/core/model-files";
import { NodeProcess, sha256Of } from "../support/node-process.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { waitFor } from "../support/wait-for.ts";

const folder = createTemporaryDirectory("transfer");
const running = new Set<NodeProcess>();
after(async () => {
  await Promise.all([...running].map((node) => node.close()));
  folder.remove();
});

let nodes = 0;
type Environment = Readonly<Record<string, string>>;
const simulated = ["--engine", "simulated"];
async function startNode(environment: Environment = {}, stateDir?: string, args = simulated): Promise<NodeProcess> {
  nodes += 1;
  const node = await NodeProcess.start({ stateDir: stateDir ?? join(folder.path, `node-${nodes}`), environment, args });
  running.add(node);
  return node;
}

async function stop(node: NodeProcess, how: "kill" | "close"): Promise<void> {
  running.delete(node);
  await node[how]();
}

/** Bytes that do not repeat, so that a chunk in the wrong place is a wrong chunk. */
function writeRandomFile(name: string, length: number): { readonly path: string; readonly file: NamedFile } {
  const path = join(folder.path, name);
  const content = randomBytes(length);
  writeFileSync(path, content);
  return { path, file: { name, bytes: length, digest: createHash("sha256").update(content).digest("hex") } };
}

function flipByte(path: string, offset: number): void {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ 0x40;
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}

/** A node that has the file where it lies. */
async function startHolder(path: string, file: NamedFile, environment: Environment = {}): Promise<NodeProcess> {
  const holder = await startNode(environment);
  await holder.pull([file], { source: path });
  assert.equal((await holder.file(file.digest))?.state, "verified");
  return holder;
}

/** Slow enough that a transfer can be cut in its middle. */
const slow = { POMONA_TRANSFER_BYTES_PER_SECOND: "40000000" };
const bytes = 72_000_001;
const chunkBytes = 16 * 2 ** 20;
const deadlineMs = 30_000;

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Waits until so many chunks of a pull are on disk. */
async function waitForChunks(node: NodeProcess, { digest }: NamedFile, chunks: number): Promise<void> {
  await waitFor(() => sizeOf(node.partialPath(digest)) >= chunks * chunkBytes, deadlineMs, "chunks on disk");
}

async function assertHeld(node: NodeProcess, { digest }: NamedFile): Promise<void> {
  assert.equal(await sha256Of(node.blobPath(digest)), digest);
  assert.equal((await node.file(digest))?.state, "verified");
  assert.deepEqual(readdirSync(join(node.stateDir, "models", "partial")), []);
}

suite("model files travel between nodes", { concurrency: false }, () => {
  test("one holder gives a file to three nodes, which give it to each other", async () => {
    const { path, file } = writeRandomFile("shared.gguf", bytes);
    const holder = await startHolder(path, file);
    const receivers = await Promise.all([startNode(), startNode(), startNode()]);
    const all = [holder, ...receivers];
    const phases = new Set<string>();
    await Promise.all(
      receivers.map((receiver) =>
        receiver.pull([file], {
          peers: all.filter((peer) => peer !== receiver),
          onProgress: ({ phase }) => phases.add(phase),
        }),
      ),
    );
    for (const receiver of receivers) await assertHeld(receiver, file);
    assert.ok(phases.has("pulling") && phases.has("done"), [...phases].join());
    const addresses = new Set(all.map(({ address }) => address));
    for (const receiver of receivers) {
      const { lines } = await receiver.status();
      assert.ok(lines.length > 0, "it knows how fast those are that have sent something");
      for (const { address, bytesPerSecond } of lines) assert.ok(addresses.has(address) && bytesPerSecond > 1e6);
    }
    await Promise.all(all.map((node) => stop(node, "close")));
  });

  test("a receiver that was killed goes on where it was, and finds what was changed or cut off meanwhile", async () => {
    // Long enough that each round has something left, however far the one before came.
    const { path, file } = writeRandomFile("cut.gguf", 12 * chunkBytes + 1);
    const holder = await startHolder(path, file, slow);
    let receiver = await startNode();
    const damage: readonly ((partial: string) => number)[] = [
      () => 2,
      (partial) => {
        flipByte(partial, chunkBytes + 5);
        return 1;
      },
      (partial) => {
        truncateSync(partial, 2 * chunkBytes + 100);
        return 2;
      },
    ];
    for (const harm of damage) {
      const pulling = receiver.pull([file], { peers: [holder] });
      pulling.catch(() => undefined);
      const before = Math.floor(sizeOf(receiver.partialPath(file.digest)) / chunkBytes);
      await waitForChunks(receiver, file, Math.max(before + 1, 3));
      await stop(receiver, "kill");
      await assert.rejects(pulling);
      const keptChunks = harm(receiver.partialPath(file.digest));
      receiver = await startNode({}, receiver.stateDir);
      const progress: number[] = [];
      const stopped = new AbortController();
      const again = receiver.pull([file], {
        peers: [holder],
        signal: stopped.signal,
        onProgress: ({ phase, heldBytes }) => {
          if (phase === "pulling") progress.push(heldBytes);
        },
      });
      again.catch(() => undefined);
      await waitFor(() => progress.length > 0, deadlineMs, "progress after the restart");
      assert.ok((progress[0] ?? 0) >= keptChunks * chunkBytes, `${progress[0]} bytes were kept`);
      stopped.abort();
      await assert.rejects(again, { code: "cancelled" });
    }
    await receiver.pull([file], { peers: [holder] });
    await assertHeld(receiver, file);
    await Promise.all([holder, receiver].map((node) => stop(node, "close")));
  });

  test("a holder that dies is replaced by another, and one that sends damaged bytes finds out", async () => {
    const { path, file } = writeRandomFile("holders.gguf", bytes);
    const copy = join(folder.path, "holders-copy.gguf");
    copyFileSync(path, copy);
    const dying = await startHolder(path, file, slow);
    const damaged = await startHolder(copy, file, slow);
    const receiver = await startNode();
    const pulling = receiver.pull([file], { peers: [dying] });
    await waitForChunks(receiver, file, 1);
    // As a worn disk would do it: without a new time of the file.
    const { atime, mtime } = statSync(copy);
    flipByte(copy, bytes - 7);
    utimesSync(copy, atime, mtime);
    const joined = receiver.pull([file], { peers: [damaged] });
    joined.catch(() => undefined);
    await stop(dying, "kill");
    await waitFor(async () => (await damaged.file(file.digest))?.state === "failed", deadlineMs, "damage is noticed");
    const whole = await startHolder(path, file);
    await receiver.pull([file], { peers: [whole] });
    await Promise.all([pulling, joined]);
    await assertHeld(receiver, file);
    await assert.rejects(damaged.pull([file], { source: copy }), { code: "transfer_failed", message: /SHA-256/ });
    await Promise.all([damaged, whole, receiver].map((node) => stop(node, "close")));
  });

  test("a stored file that changes on disk is neither loaded nor sent, and is pulled anew", async () => {
    const path = join(folder.path, "counting.gguf");
    writeFileSync(path, writeGguf(countingModel()));
    const file = { name: "counting.gguf", bytes: statSync(path).size, digest: await sha256Of(path) };
    const holder = await startHolder(path, file);
    const node = await startNode();
    await node.pull([file], { peers: [holder] });
    await node.load("first", [file]);
    await assert.rejects(node.remove(file.digest), { code: "failed_precondition", message: /unload it first/ });
    await node.unload("first");
    flipByte(node.blobPath(file.digest), file.bytes - 3);
    await assert.rejects(node.load("second", [file]), { code: "transfer_failed", message: /have changed/ });
    assert.equal((await node.file(file.digest))?.state, "failed");
    const other = await startNode();
    await assert.rejects(other.pull([file], { peers: [node] }), {
      code: "transfer_failed",
      message: /no other node gives/,
    });
    await node.pull([file], { peers: [holder] });
    await assertHeld(node, file);
    await node.load("third", [file]);
    await node.unload("third");
    await node.remove(file.digest);
    assert.equal(await node.file(file.digest), undefined);
    assert.equal(existsSync(node.blobPath(file.digest)), false);
    await assert.rejects(node.load("fourth", [file]), { code: "not_found", message: /pull it/ });
    await Promise.all([holder, node, other].map((one) => stop(one, "close")));
  });

  test("the parts of a split model load by their names, and a part of another model is refused", async () => {
    const parts = splitGguf(countingModel(), 3).map(writeGguf);
    const files = parts.map((part, index) => {
      const name = `split-0000${index + 1}-of-00003.gguf`;
      writeFileSync(join(folder.path, name), part);
      return { name, bytes: part.length, digest: createHash("sha256").update(part).digest("hex") };
    });
    const holder = await startNode();
    await holder.pull(files, { source: join(folder.path, "split-00001-of-00003.gguf") });
    const node = await startNode({}, undefined, []);
    await node.pull(files, { peers: [holder] });
    const loaded = await node.load("split", files);
    assert.equal(loaded.state, "ready");
    await node.unload("split");
    const [first, second] = files;
    assert.ok(first && second);
    await assert.rejects(node.load("two", [first, second]), {
      code: "invalid_model",
      message: /00003.gguf cannot be opened: there is no such file/,
    });
    const inPlace = await holder.load("in place", [], join(folder.path, "split-00001-of-00003.gguf"));
    assert.equal(inPlace.digest, loaded.digest);
    await Promise.all([holder, node].map((one) => stop(one, "close")));
  });

  test("a disk that fills up in the middle keeps what came, and the rest comes when there is room", {
    skip: skipReason(),
  }, async (t) => {
    const { path, file } = writeRandomFile("full.gguf", bytes);
    const holder = await startHolder(path, file, slow);
    const stateDir = join(folder.path, "small-disk");
    mkdirSync(stateDir);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128m", "tmpfs", stateDir]);
    t.after(() => execFileSync("umount", ["-l", stateDir]));
    const node = await startNode({}, stateDir);
    const pulling = node.pull([file], { peers: [holder] });
    pulling.catch(() => undefined);
    await waitForChunks(node, file, 1);
    const filler = join(stateDir, "filler");
    writeFileSync(filler, Buffer.alloc(80_000_000));
    await assert.rejects(pulling, { code: "disk_full", message: /no room for full.gguf.*remove models/ });
    await assert.rejects(node.pull([file], { peers: [holder] }), { code: "disk_full" });
    assert.ok(sizeOf(node.partialPath(file.digest)) >= chunkBytes);
    rmSync(filler);
    await node.pull([file], { peers: [holder] });
    await assertHeld(node, file);
    const { diskBytes, diskFreeBytes } = (await node.status()).capacity;
    assert.ok(diskBytes > 1.2e8 && diskBytes < 1.4e8 && diskFreeBytes < diskBytes, `${diskFreeBytes} of ${diskBytes}`);
    await Promise.all([holder, node].map((one) => stop(one, "close")));
  });

  test("what names no file, or too little of one, is refused", async () => {
    const node = await startNode();
    const file = { name: "x.gguf", bytes: 10, digest: "0".repeat(64) };
    for (const name of ["../x.gguf", "a/b.gguf", "x\u0000.gguf", "C:\\x.gguf", ".hidden"])
      await assert.rejects(node.pull([{ ...file, name }]), { code: "invalid_request", message: /files.name/ }, name);
    await assert.rejects(node.pull([{ ...file, digest: "" }]), { code: "invalid_request", message: /SHA-256/ });
    await assert.rejects(node.pull([{ ...file, digest: "../../etc" }]), { code: "invalid_request" });
    await assert.rejects(node.pull([file]), { code: "transfer_failed", message: /no source is named/ });
    assert.equal((await node.file(file.digest))?.state, "failed");
    await assert.rejects(node.remove("1".repeat(64)), { code: "not_found" });
    await node.drain(false);
    assert.equal((await node.status()).state, "draining");
    await node.drain(true);
    assert.equal((await node.status()).state, "serving");
    await stop(node, "close");
  });
});

function skipReason(): string | false {
  return process.getuid?.() === 0 && process.platform === "linux" ? false : "needs root to mount a small disk";
}
