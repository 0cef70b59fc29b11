// A client that goes away frees its slot within half a second, in prefill as well as in decode.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { writeGguf } from "@pomona/shared/core/gguf/writer";
import { hasProgram } from "../support/programs.ts";
import { runningAttempts } from "../support/running-attempts.ts";
import { type RunningPool, startPool } from "../support/running-pool.ts";
import { waitFor } from "../support/wait-for.ts";

const skip = hasProgram("nats-server") ? false : "needs nats-server";
const folder = mkdtempSync(join(tmpdir(), "pomona-models-"));
let pool: RunningPool;

before(async () => {
  if (skip !== false) return;
  const path = join(folder, "random.gguf");
  writeFileSync(path, writeGguf(randomModel("25m", "Q8_0")));
  pool = await startPool(["--nodes", "1", "--model", path]);
});

after(async () => {
  await pool?.close();
  rmSync(folder, { recursive: true, force: true });
});

function ask(promptLength: number, signal: AbortSignal): Promise<Response> {
  return fetch(`${pool.http}/v1/completions`, {
    method: "POST",
    signal,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "random",
      prompt: "ab".repeat(promptLength / 2),
      temperature: 0,
      max_tokens: 2000,
      stream: true,
    }),
  });
}

/** Leaves, and measures how long the node-agent still holds the slot. The figure is 500 ms; the deadline five times that. */
async function leaveAndMeasure(leave: () => void): Promise<number> {
  const start = performance.now();
  leave();
  await waitFor(async () => (await runningAttempts(pool)) === 0, 2500, "the slot to be free");
  return performance.now() - start;
}

test("a client that disconnects in prefill frees its slot", { skip }, async (t) => {
  const abort = new AbortController();
  const answer = ask(5000, abort.signal).catch(() => null);
  await waitFor(async () => (await runningAttempts(pool)) === 1, 10_000, "the prefill to start");
  t.diagnostic(`free after ${Math.round(await leaveAndMeasure(() => abort.abort()))} ms`);
  await answer;
});

test("a client that disconnects in decode frees its slot", { skip }, async (t) => {
  const abort = new AbortController();
  const response = await ask(20, abort.signal);
  const reader = response.body?.getReader();
  let text = "";
  while (!text.includes('"text"')) {
    const piece = await reader?.read();
    assert.equal(piece?.done, false);
    text += new TextDecoder().decode(piece?.value);
  }
  assert.equal(await runningAttempts(pool), 1);
  t.diagnostic(`free after ${Math.round(await leaveAndMeasure(() => abort.abort()))} ms`);
});
