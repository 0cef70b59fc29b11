import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Bucket, BucketChange, WriteOutcome } from "@pomona/shared/nats/bucket";
import type { Bus } from "@pomona/shared/nats/bus";
import { waitFor } from "../support/wait-for.ts";

/** A server and its clients, for one run of the suite. */
export type BucketWorld = {
  connect(): Bus;
  stopServer(): Promise<void>;
  /** With all that it kept. */
  startServer(): Promise<void>;
  /** After its disk was lost. */
  startServerEmpty(): Promise<void>;
  close(): Promise<void>;
};

const text = new TextEncoder();
const [one, two, three] = ["1", "2", "3"].map((word) => text.encode(word)) as [Uint8Array, Uint8Array, Uint8Array];
let buckets = 0;

/** Each test has a bucket of its own. */
function newName(): string {
  buckets += 1;
  return `pomona-test-${buckets}`;
}

async function connected(world: BucketWorld): Promise<Bus> {
  const bus = world.connect();
  await waitFor(() => bus.isConnected, 5000, "the bus connects");
  return bus;
}

function revisionOf(outcome: WriteOutcome): number {
  assert.equal(outcome.kind, "written");
  return outcome.kind === "written" ? outcome.revision : 0;
}

async function textAt(bucket: Bucket, key: string): Promise<string | null> {
  const outcome = await bucket.get(key);
  if (outcome.kind === "missing") return null;
  assert.equal(outcome.kind, "found");
  return outcome.kind === "found" ? Buffer.from(outcome.entry.value).toString() : null;
}

function watched(bucket: Bucket): { readonly changes: BucketChange[]; readonly stop: () => void } {
  const changes: BucketChange[] = [];
  return { changes, stop: bucket.watch((change) => changes.push(change)) };
}

/** `a=1` for what is set, `-a` for what is removed, `[a=1 b=2]` for a snapshot. */
function written(change: BucketChange): string {
  const entry = ({ key, value }: { key: string; value: Uint8Array }): string => `${key}=${Buffer.from(value)}`;
  if (change.kind === "set") return entry(change.entry);
  return change.kind === "removed" ? `-${change.key}` : `[${change.entries.map(entry).sort().join(" ")}]`;
}

/** What every Bucket must do, whatever is behind it. */
export function bucketCompliance(name: string, start: () => Promise<BucketWorld>, skip: string | false): void {
  suite(`bucket compliance: ${name}`, { skip }, () => {
    let world: BucketWorld;
    let bus: Bus;
    before(async () => {
      world = await start();
      bus = await connected(world);
    });
    after(async () => {
      await bus?.close();
      await world?.close();
    });

    test("a key is created once, updated by its last revision, and can be created again when removed", async () => {
      const bucket = bus.openBucket({ name: newName() });
      assert.deepEqual(await bucket.get("a"), { kind: "missing" });
      const first = revisionOf(await bucket.create("a", one));
      assert.deepEqual(await bucket.create("a", two), { kind: "conflict" });
      const second = revisionOf(await bucket.update("a", two, first));
      assert.ok(second > first);
      assert.deepEqual(await bucket.update("a", three, first), { kind: "conflict" });
      assert.equal(await textAt(bucket, "a"), "2");
      const third = revisionOf(await bucket.put("a", three));
      assert.deepEqual(await bucket.remove("a", second), { kind: "conflict" });
      assert.equal((await bucket.remove("a", third)).kind, "written");
      assert.equal(await textAt(bucket, "a"), null);
      assert.deepEqual(await bucket.update("a", one, third), { kind: "conflict" });
      assert.equal((await bucket.remove("a", null)).kind, "written");
      assert.ok(revisionOf(await bucket.create("a", one)) > third);
      assert.equal((await bucket.remove("never", null)).kind, "written");
    });

    test("of many who update at once one wins, and the others are told", async () => {
      const bucketName = newName();
      const others = await Promise.all([1, 2, 3].map(() => connected(world)));
      const [first] = others.map((other) => other.openBucket({ name: bucketName }));
      const revision = revisionOf((await first?.create("a", one)) ?? { kind: "conflict" });
      const writers = others.flatMap((other) => [other, other].map((it) => it.openBucket({ name: bucketName })));
      const outcomes = await Promise.all(writers.map((bucket) => bucket.update("a", two, revision)));
      assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), [...Array(5).fill("conflict"), "written"]);
      await Promise.all(others.map((other) => other.close()));
    });

    test("a watch tells all that is there, then each change in order, until it is given up", async () => {
      const bucket = bus.openBucket({ name: newName() });
      const empty = watched(bucket);
      await waitFor(() => empty.changes.length === 1, 5000);
      await bucket.put("a", one);
      await bucket.put("b.c", two);
      await bucket.put("a", three);
      await bucket.remove("b.c", null);
      await bucket.put("d", one);
      const late = watched(bucket);
      await waitFor(() => empty.changes.length === 6 && late.changes.length === 1, 5000);
      assert.deepEqual(empty.changes.map(written), ["[]", "a=1", "b.c=2", "a=3", "-b.c", "d=1"]);
      assert.deepEqual(late.changes.map(written), ["[a=3 d=1]"]);
      const [snapshot] = late.changes;
      assert.ok(snapshot?.kind === "snapshot" && snapshot.lastRevision === 5);
      empty.stop();
      await bucket.put("a", one);
      await waitFor(() => late.changes.length === 2, 5000);
      assert.equal(empty.changes.length, 6);
      late.stop();
    });

    test("a handler that throws gets the next change", async () => {
      const bucket = bus.openBucket({ name: newName() });
      let calls = 0;
      const stop = bucket.watch(() => {
        calls += 1;
        if (calls === 1) throw new Error("a handler's bug");
      });
      await waitFor(() => calls === 1, 5000);
      await bucket.put("a", one);
      await waitFor(() => calls === 2, 5000);
      stop();
    });

    test("what was written outlives the server, and a watch goes on with all that is there", async () => {
      const bucket = bus.openBucket({ name: newName() });
      const seen = watched(bucket);
      await waitFor(() => seen.changes.length === 1, 5000);
      await bucket.put("a", one);
      await bucket.put("b", one);
      await waitFor(() => seen.changes.length === 3, 5000);
      await world.stopServer();
      await waitFor(() => !bus.isConnected, 5000);
      seen.changes.length = 0;
      await world.startServer();
      await waitFor(() => bus.isConnected && seen.changes.length > 0, 10_000);
      await bucket.put("a", two);
      await waitFor(() => seen.changes.length === 2, 5000);
      assert.deepEqual(seen.changes.map(written), ["[a=1 b=1]", "a=2"]);
      seen.stop();
    });

    test("a server that lost its disk is told from one that was away, and takes writes again", async () => {
      const bucket = bus.openBucket({ name: newName() });
      const seen = watched(bucket);
      await waitFor(() => seen.changes.length === 1, 5000);
      await bucket.put("a", one);
      await waitFor(() => seen.changes.length === 2, 5000);
      await world.stopServer();
      await waitFor(() => !bus.isConnected, 5000);
      await world.startServerEmpty();
      await waitFor(() => seen.changes.length === 3, 10_000);
      assert.equal((await bucket.create("a", two)).kind, "written");
      await waitFor(() => seen.changes.length === 4, 5000);
      assert.deepEqual(seen.changes.map(written), ["[]", "a=1", "[]", "a=2"]);
      const ids = seen.changes.flatMap((change) => (change.kind === "snapshot" ? [change.bucketId] : []));
      assert.notEqual(ids[0], ids[1]);
      seen.stop();
    });

    test("while the server is away calls say so soon, and a bucket opened then works when it comes", async () => {
      await world.stopServer();
      await waitFor(() => !bus.isConnected, 5000);
      const bucket = bus.openBucket({ name: newName() });
      const seen = watched(bucket);
      const startedAt = performance.now();
      assert.equal((await bucket.put("a", one)).kind, "unavailable");
      assert.equal((await bucket.get("a")).kind, "unavailable");
      assert.ok(performance.now() - startedAt < 5000);
      await world.startServer();
      await waitFor(() => seen.changes.length === 1, 10_000);
      assert.equal((await bucket.put("a", one)).kind, "written");
      await waitFor(() => seen.changes.length === 2, 5000);
      seen.stop();
    });

    test("a value that is too long is refused with its length", async () => {
      const bucket = bus.openBucket({ name: newName(), valueBytesMax: 100 });
      assert.equal((await bucket.put("a", new Uint8Array(100))).kind, "written");
      const put = async (): Promise<WriteOutcome> => bucket.put("a", new Uint8Array(101));
      await assert.rejects(put, { code: "payload_too_large", message: /101 bytes/ });
    });

    test("a closed bus has no bucket", async () => {
      const closing = await connected(world);
      const bucket = closing.openBucket({ name: newName() });
      const seen = watched(bucket);
      await waitFor(() => seen.changes.length === 1, 5000);
      await closing.close();
      assert.equal((await bucket.put("a", one)).kind, "unavailable");
      assert.equal(seen.changes.length, 1);
    });
  });
}
