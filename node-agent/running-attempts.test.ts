import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { type Attempt, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";
import { systemClock } from "@pomona/shared/runtime/clock";
import { createSilentLogger } from "@pomona/shared/runtime/logger";
import { SimulatedReplica } from "./engine/simulated/simulated-engine.ts";
import type { AttemptReader } from "./node-port.ts";
import { RunningAttempts } from "./running-attempts.ts";

const attempt: Attempt = {
  requestId: "a".repeat(32),
  epoch: 1,
  replicaId: "r",
  promptTokenIds: [1],
  promptChunkLengths: [],
  emittedTokenIds: [],
  decoding: { ...defaultDecoding, maxTokens: 90 },
  ...endsUnread,
};

function start(t: TestContext): { readonly replica: SimulatedReplica; readonly attempts: RunningAttempts } {
  const spec = {
    modelPath: "",
    slots: 1,
    contextLength: 100,
    options: { ...defaultEngineOptions, threads: 1 },
    checksTensors: false,
    stateStore: null,
    speed: null,
  };
  const replica = new SimulatedReplica(spec, { stepMs: 1, chunkLength: 64 });
  const log = createSilentLogger();
  const ignore = (): void => undefined;
  const attempts = new RunningAttempts({
    clock: systemClock,
    log,
    engine: () => replica,
    onStart: ignore,
    onFrame: ignore,
  });
  t.after(async () => {
    attempts.close();
    await replica.close();
  });
  return { replica, attempts };
}

/** As a connection does it that has answered after the ending. */
async function readToEnd(reader: AttemptReader): Promise<string | undefined> {
  for (;;) {
    const frame = reader.next();
    if (frame === null) await reader.wait();
    else if (frame.kind === "ending") {
      reader.leave(true);
      return frame.ending.failure?.code;
    }
  }
}

const signal = new AbortController().signal;

test("who comes back for an attempt that died with its engine is told of the death, whoever was told before", async (t) => {
  const { replica, attempts } = start(t);
  const reader = await attempts.start(attempt, signal);
  replica.crash();
  assert.equal(await readToEnd(reader), "engine_crashed");
  assert.throws(() => attempts.attach(attempt, 0, signal), { code: "engine_crashed" });
  assert.throws(() => attempts.attach({ ...attempt, epoch: 2 }, 0, signal), { code: "not_found" });
});

test("an attempt that has ended well and was read is not here any more", async (t) => {
  const { attempts } = start(t);
  const reader = await attempts.start(attempt, signal);
  assert.equal(await readToEnd(reader), undefined);
  assert.throws(() => attempts.attach(attempt, 0, signal), { code: "not_found" });
});
