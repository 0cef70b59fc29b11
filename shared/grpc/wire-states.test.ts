import assert from "node:assert/strict";
import { test } from "node:test";
import { pomona } from "@pomona/proto/load";
import { stateHeaderFromWire, stateHeaderToWire } from "./wire-states.ts";

const header = {
  key: "ab".repeat(16),
  scope: { owner: "team", sharedTokens: 7 },
  tokenIds: [1, 2, 3, 4],
  chunkLengths: [3, 1],
  bytes: 2 ** 40,
};

test("what a state is said to be is the same after a journey over the wire", () => {
  const bytes = pomona.ReadStateResponse.serialize({ state: stateHeaderToWire(header) });
  assert.deepEqual(stateHeaderFromWire(pomona.ReadStateResponse.deserialize(bytes).state), header);
});

test("a state whose chunks are not its tokens is refused", () => {
  const wire = { ...stateHeaderToWire(header), bytes: 1 };
  for (const chunkLengths of [[3], [3, 2], [3, 1, 0]]) {
    const bytes = pomona.ReadStateResponse.serialize({ state: { ...wire, chunkLengths } });
    const { state } = pomona.ReadStateResponse.deserialize(bytes);
    assert.throws(() => stateHeaderFromWire(state), { code: "invalid_request", field: "state.chunk_lengths" });
  }
  assert.throws(() => stateHeaderFromWire(null), { code: "invalid_request", field: "state" });
});
