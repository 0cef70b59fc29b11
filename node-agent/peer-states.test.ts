import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crc32 } from "node:zlib";
import { PomonaError } from "@pomona/shared/core/errors";
import { ownScope } from "@pomona/shared/core/generation";
import { systemClock } from "@pomona/shared/runtime/clock";
import type { AdoptedState, EngineReplica } from "./engine/engine.ts";
import type { HeldState, HoldCall } from "./node-port.ts";
import { PeerStates, type PeerStatesParts, type StateSource } from "./peer-states.ts";

const folder = mkdtempSync(join(tmpdir(), "pomona-peer-states-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const directory = join(folder, "peers");

const content = Buffer.from("the state of a sequence");
const header = {
  key: "equal",
  scope: ownScope(""),
  tokenIds: [1, 2, 3],
  chunkLengths: [3],
  bytes: content.length,
};
const call: HoldCall = {
  requestId: "a".repeat(32),
  epoch: 1,
  replicaId: "r-1",
  peer: "10.0.0.7:8486",
  timeoutMs: 5000,
};

type Sending = { readonly header: typeof header; readonly pieces: readonly Buffer[]; readonly sum: number };

const whole: Sending = { header, pieces: [content.subarray(0, 5), content.subarray(5)], sum: crc32(content) };

function sourceOf(sending: Sending): StateSource {
  return {
    read: async (_address, _id, { onHeader, onPiece }) => {
      await onHeader(sending.header);
      for (const piece of sending.pieces) await onPiece(piece);
      return sending.sum;
    },
  };
}

/** Of an engine that notes what it is given. */
function states(changes: Partial<PeerStatesParts> = {}) {
  const adopted = new Map<string, AdoptedState>();
  let exit: () => void = () => undefined;
  const exited = new Promise<null>((resolve) => {
    exit = () => resolve(null);
  });
  const engine: Pick<EngineReplica, "adoptState" | "dropState" | "saveState" | "exited"> = {
    adoptState: (state) => adopted.set(state.path, state),
    dropState: (path) => adopted.delete(path),
    saveState: (_requestId, _epoch, path) => {
      writeFileSync(path, content, { mode: 0o600 });
      const { key: _, ...saved } = header;
      return Promise.resolve(saved);
    },
    exited,
  };
  // Nothing else of an engine is asked.
  const replica = { engine: engine as EngineReplica, key: "equal" };
  const held = new PeerStates({
    directory,
    limits: { bytesMax: 100, writeBytesPerDay: 10_000 },
    clock: systemClock,
    source: sourceOf(whole),
    pass: () => Promise.resolve(),
    replica: () => replica,
    replicaOf: () => replica,
    onCame: () => undefined,
    ...changes,
  });
  return { held, adopted, exit };
}

async function holdUntilHeld(held: PeerStates, signal: AbortSignal): Promise<{ held: HeldState; over: Promise<void> }> {
  return await new Promise((resolve, reject) => {
    const over = held.hold(call, signal, (told) => resolve({ held: told, over }));
    over.catch(reject);
  });
}

test("a state is held for as long as its call lasts, in a private file", async () => {
  const { held, adopted } = states();
  const controller = new AbortController();
  const holding = await holdUntilHeld(held, controller.signal);
  assert.equal(holding.held.bytes, content.length);
  assert.equal(held.heldBytes, content.length);
  const [state] = adopted.values();
  assert.ok(state !== undefined);
  assert.deepEqual([state.tokenIds, state.crc32], [header.tokenIds, crc32(content)]);
  assert.equal(statSync(state.path).mode & 0o777, 0o600);
  controller.abort();
  await holding.over;
  assert.deepEqual([adopted.size, held.heldBytes, readdirSync(directory)], [0, 0, []]);
});

test("it goes with its replica", async () => {
  const { held, exit } = states();
  const { over } = await holdUntilHeld(held, new AbortController().signal);
  exit();
  await over;
  assert.deepEqual([held.heldBytes, readdirSync(directory)], [0, []]);
});

const flipped = Buffer.from(content);
flipped[3] = 0;
const refused: readonly (readonly [string, Partial<PeerStatesParts>, string])[] = [
  ["whose bytes have changed", { source: sourceOf({ ...whole, pieces: [flipped] }) }, "transfer_failed"],
  ["that ends early", { source: sourceOf({ ...whole, pieces: [content.subarray(0, 5)] }) }, "transfer_failed"],
  ["that does not end", { source: sourceOf({ ...whole, pieces: [content, content] }) }, "transfer_failed"],
  ["of another model", { source: sourceOf({ ...whole, header: { ...header, key: "other" } }) }, "failed_precondition"],
  ["for which there is no room", { limits: { bytesMax: 5, writeBytesPerDay: 1e6 } }, "failed_precondition"],
  ["that is not there", { source: { read: () => Promise.reject(new PomonaError("not_found", "gone")) } }, "not_found"],
];
for (const [what, changes, code] of refused) {
  test(`a state ${what} is refused, and nothing is left of it`, async () => {
    const { held, adopted } = states(changes);
    await assert.rejects(holdUntilHeld(held, new AbortController().signal), { code });
    assert.deepEqual([adopted.size, held.heldBytes, readdirSync(directory)], [0, 0, []]);
  });
}

test("a state that does not come in time is refused", async () => {
  const source: StateSource = {
    read: (_address, _id, { signal }) =>
      new Promise((_resolve, reject) => {
        // A timeout alone keeps no process alive.
        const timer = setTimeout(() => reject(new PomonaError("internal", "nobody gave up")), 10_000);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(new PomonaError("cancelled", "aborted"));
        });
      }),
  };
  const { held } = states({ source });
  const late = held.hold({ ...call, timeoutMs: 20 }, new AbortController().signal, () => undefined);
  await assert.rejects(late, { code: "deadline_exceeded" });
  assert.deepEqual(readdirSync(directory), []);
});

test("what is sent is the whole state with its checksum, and its file goes", async () => {
  const { held } = states();
  const sent = await held.send(call);
  assert.deepEqual(sent.header, header);
  const buffer = Buffer.alloc(10);
  const pieces: Buffer[] = [];
  for (;;) {
    const bytes = await sent.read(buffer, new AbortController().signal);
    if (bytes === 0) break;
    pieces.push(Buffer.from(buffer.subarray(0, bytes)));
  }
  assert.deepEqual(Buffer.concat(pieces), content);
  assert.equal(sent.crc32(), crc32(content));
  assert.equal(readdirSync(directory).length, 1);
  await sent.close();
  assert.deepEqual(readdirSync(directory), []);
});

test("no more than four are sent at a time", async () => {
  const { held } = states();
  const sent = await Promise.all([1, 2, 3, 4].map(() => held.send(call)));
  await assert.rejects(held.send(call), { code: "slots_full" });
  for (const each of sent) await each.close();
  await (await held.send(call)).close();
});

test("what an earlier process left is deleted at the start", () => {
  writeFileSync(join(directory, "7.kv"), content);
  states();
  assert.deepEqual(readdirSync(directory), []);
});
