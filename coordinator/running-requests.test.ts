import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attempt, defaultDecoding, type Ending, endsUnread } from "@pomona/shared/core/generation";
import { shownText } from "@pomona/shared/core/output/output-delta";
import { packPrompt } from "@pomona/shared/core/prompt-logprobs";
import { plainAssembly } from "./core/output-plan.ts";
import { emptyState } from "./core/state.ts";
import { CoordinatorMetrics } from "./metrics.ts";
import { RunningRequests } from "./running-requests.ts";
import type { TakeoverNote } from "./takeover-note.ts";

const requestId = "ab".repeat(16);
const bytes = (text: string): Uint8Array[] => [...text].map((character) => Buffer.from(character));
const note: TakeoverNote = {
  ...{ tenant: "t", idempotencyKey: "key", fingerprint: "f", model: "m", promptDigest: "" },
  api: "openai",
  priority: "interactive",
  ...{ stop: [], assembly: plainAssembly, deadlineAtMs: 1000, texts: bytes("ab") },
};
const attempt: Attempt = {
  ...{ requestId, epoch: 2, replicaId: "r", promptTokenIds: [5], promptChunkLengths: [], emittedTokenIds: [1, 2] },
  decoding: { ...defaultDecoding, topLogprobs: 0, logsPrompt: true },
  ...endsUnread,
};
const ending: Ending = {
  reason: "length",
  failure: null,
  usage: { promptTokens: 1, cachedPromptTokens: 0, generatedTokens: 3 },
  timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 },
};

/** One that was moved, and whose coordinator is gone: the next one has the texts of what came before the move. */
function takenUp({ decoding }: Attempt): RunningRequests {
  const running = new RunningRequests({
    clock: { nowMs: () => 0, wallMs: () => 0 },
    metrics: new CoordinatorMetrics(emptyState()),
    abandon: () => undefined,
    admitted: () => undefined,
    stop: () => undefined,
  });
  running.addTakenUp("n", note, attempt);
  running.addMissing(requestId, note.texts, decoding);
  return running;
}

/** Kinds of events, and texts of the answer. */
async function told(running: RunningRequests): Promise<string[]> {
  const kinds: string[] = [];
  for await (const event of running.attach(requestId, 0, new AbortController().signal)?.events ?? [])
    kinds.push(event.kind === "output" ? shownText(event.deltas) : event.kind);
  return kinds;
}

test("of a request that is taken up, the prompt is told before all of the answer", async () => {
  const running = takenUp(attempt);
  const logprobs = packPrompt(0, 0, [{ id: 5, text: Buffer.from("p"), logprobs: null }]);
  running.deliver({ kind: "deliver", requestId, nodeId: "n", frame: { kind: "promptLogprobs", logprobs } });
  const frame = { kind: "tokens", firstIndex: 2, ids: [3], texts: bytes("c"), logprobs: null } as const;
  running.deliver({ kind: "deliver", requestId, nodeId: "n", frame });
  running.end(requestId, ending);
  assert.deepEqual(await told(running), ["bound", "prompt", "a", "b", "c", "ending"]);
});

test("of a request that is taken up, what came before is told at once, or at the latest when it ends", async () => {
  const plain = takenUp({ ...attempt, decoding: defaultDecoding });
  const kinds: string[] = [];
  for await (const { kind } of plain.attach(requestId, 0, new AbortController().signal)?.events ?? [])
    if (kinds.push(kind) === 3) break;
  assert.deepEqual(kinds, ["bound", "output", "output"]);
  const logged = takenUp(attempt);
  logged.end(requestId, ending);
  assert.deepEqual(await told(logged), ["bound", "a", "b", "ending"]);
});
