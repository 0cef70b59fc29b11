// What the state of a long prompt at a peer spares, and costs: two node-agents with a 135 M model of random weights.
// - Time to the first token of a request that goes on at the peer, from its state, by that without.
// - Bytes, time and processor time of the way there, over loopback.
// - What a stream beside it keeps of its speed while the state is saved and sent.
// npm run -s bench:checkpoint -- [--rounds 5] [--tokens 2000] [--json]
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { pomona } from "@pomona/proto/load";
import { defaultEngineOptions } from "@pomona/shared/core/engine-options";
import { type Attempt, type AttemptFrame, ownScope } from "@pomona/shared/core/generation";
import { randomModel } from "@pomona/shared/core/gguf/random-model";
import { loadedInPlace } from "@pomona/shared/core/node-status";
import { callUnary, readStream } from "@pomona/shared/grpc/client";
import { attemptFrameFromWire, attemptToWire } from "@pomona/shared/grpc/wire";
import { replicaSpecToWire } from "@pomona/shared/grpc/wire-status";
import { attemptOf } from "../support/attempts.ts";
import { EngineModels } from "../support/engine-models.ts";
import { NodeProcess } from "../support/node-process.ts";
import { spreadOf } from "./spread.ts";

const options = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "2000" },
    json: { type: "boolean", default: false },
  },
}).values;
const [rounds, promptLength] = [Number(options.rounds), Number(options.tokens)];
const timeoutMs = 600_000;
/** A stream is watched in turns: so long alone, then while its state is saved and sent. */
const turns = 6;
const aloneMs = 1000;
const replicaId = "r-1";

function promptOf(seed: number): number[] {
  let state = seed + 1;
  return Array.from({ length: promptLength }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 400 + Math.floor((state / 2 ** 32) * 7000);
  });
}

/** Without ends: an answer is as long as it may be. */
const endless = { sampling: { ...attemptOf([1]).decoding.sampling, logitBias: [{ tokenId: 2, bias: -100 }] } };

async function startNode(models: EngineModels, name: string): Promise<NodeProcess> {
  const node = await NodeProcess.start({
    stateDir: join(models.folder, name),
    args: ["--engine", "llama", "--threads", "1", "--budget", "3GB"],
  });
  const source = models.write("135m", () => randomModel("135m", "Q8_0"));
  const engine = { ...defaultEngineOptions, threads: 1 };
  const spec = { model: "m", source, slots: 2, contextLength: promptLength + 1024, engine, ...loadedInPlace };
  await callUnary(node.client, pomona.Node.service.LoadReplica, {
    request: { replicaId, spec: replicaSpecToWire(spec) },
    timeoutMs,
    signal: new AbortController().signal,
  });
  return node;
}

type Tokens = { readonly ids: number[]; readonly chunks: number[]; checkpoint: string };

/** Reads an attempt until `isEnough`, or its end. */
async function run(node: NodeProcess, attempt: Attempt, isEnough: (tokens: Tokens) => boolean): Promise<Tokens> {
  const tokens: Tokens = { ids: [], chunks: [], checkpoint: "" };
  const controller = new AbortController();
  const take = (frame: AttemptFrame): void => {
    if (frame.kind === "accepted") {
      tokens.checkpoint = frame.checkpoint ?? "";
      tokens.chunks.push(...frame.cachedChunkLengths);
    } else if (frame.kind === "prefill") tokens.chunks.push(frame.chunkLength);
    else if (frame.kind === "tokens") tokens.ids.push(...frame.ids);
    if (isEnough(tokens)) controller.abort();
  };
  await readStream(node.client, pomona.Node.service.Generate, {
    request: attemptToWire({ ...attempt, replicaId }),
    timeoutMs,
    signal: controller.signal,
    onMessage: (message) => take(attemptFrameFromWire(message).frame),
  }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return tokens;
}

/** Seconds of processor time that a process has used (proc(5): clock ticks are hundredths). */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

type Held = {
  readonly bytes: number;
  readonly transferMs: number;
  readonly wholeMs: number;
  readonly senderSeconds: number;
  readonly receiverSeconds: number;
  readonly release: () => Promise<void>;
};

/** Resolves when the state is there. */
async function hold(from: NodeProcess, to: NodeProcess, { requestId }: Attempt): Promise<Held> {
  const [startedAtMs, release] = [performance.now(), new AbortController()];
  const before = [processorSeconds(from.pid), processorSeconds(to.pid)];
  return await new Promise<Held>((resolve, reject) => {
    const over = readStream(to.client, pomona.Node.service.HoldState, {
      request: { requestId, epoch: 1, replicaId, peer: from.address, timeoutMs: 60_000 },
      timeoutMs,
      signal: release.signal,
      onMessage: (told) => {
        const now = [processorSeconds(from.pid), processorSeconds(to.pid)];
        const [senderSeconds = 0, receiverSeconds = 0] = now.map((seconds, i) => seconds - (before[i] ?? 0));
        const end = async (): Promise<void> => {
          release.abort();
          await over.catch(() => undefined);
        };
        resolve({ ...told, wholeMs: performance.now() - startedAtMs, senderSeconds, receiverSeconds, release: end });
      },
    });
    over.catch(reject);
  });
}

async function measureRound(from: NodeProcess, to: NodeProcess, round: number) {
  const prompt = promptOf(round);
  const attempt = attemptOf(prompt, { maxTokens: 900, ...endless });
  let tokens = 0;
  let isOver = false;
  const running = run(from, attempt, ({ ids }) => {
    tokens = ids.length;
    return isOver;
  });
  while (tokens === 0) await delay(10);
  const pace = { alone: { tokens: 0, ms: 0 }, beside: { tokens: 0, ms: 0 } };
  const during = async <Result>(sum: { tokens: number; ms: number }, work: () => Promise<Result>): Promise<Result> => {
    const [tokensBefore, startedAtMs] = [tokens, performance.now()];
    const result = await work();
    sum.tokens += tokens - tokensBefore;
    sum.ms += performance.now() - startedAtMs;
    return result;
  };
  let held: Held | null = null;
  for (let turn = 0; turn < turns || tokens < 101; turn += 1) {
    await held?.release();
    await during(pace.alone, () => delay(aloneMs));
    held = await during(pace.beside, () => hold(from, to, attempt));
  }
  isOver = true;
  const whole = await running;
  if (held === null) throw new Error("a state was held in each turn");
  const past = { epoch: 2, emittedTokenIds: whole.ids.slice(0, 100), promptChunkLengths: whole.chunks };
  const again = { ...attempt, ...past, decoding: { ...attempt.decoding, maxTokens: 101 } };
  const restored = await timed(() => run(to, again, ({ ids }) => ids.length > 0));
  await held.release();
  const cold = attemptOf(prompt, { maxTokens: 101, ...endless, ...past, cacheScope: ownScope(`${round}`) });
  const evaluated = await timed(() => run(to, cold, ({ ids }) => ids.length > 0));
  if (restored.tokens.checkpoint !== "restored" || evaluated.tokens.checkpoint !== "")
    throw new Error(`the first came from "${restored.tokens.checkpoint}", the second "${evaluated.tokens.checkpoint}"`);
  if (restored.tokens.ids[0] !== whole.ids[100]) throw new Error("another token came than that of the whole run");
  const [alone, beside] = [pace.alone.tokens / pace.alone.ms, pace.beside.tokens / pace.beside.ms];
  return { held, restoredMs: restored.ms, evaluatedMs: evaluated.ms, speedKept: beside / alone };
}

async function timed(work: () => Promise<Tokens>): Promise<{ readonly tokens: Tokens; readonly ms: number }> {
  const startedAtMs = performance.now();
  const tokens = await work();
  return { tokens, ms: performance.now() - startedAtMs };
}

const models = new EngineModels();
const nodes: NodeProcess[] = [];
try {
  for (const name of ["from", "to"]) nodes.push(await startNode(models, name));
  const [from, to] = nodes;
  if (from === undefined || to === undefined) throw new Error("two nodes were started");
  const results: Awaited<ReturnType<typeof measureRound>>[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) results.push(await measureRound(from, to, round));
  results.shift();
  const spread = (figure: (result: (typeof results)[number]) => number) => spreadOf(results.map(figure));
  const table = {
    promptTokens: promptLength,
    megabytes: spread(({ held }) => held.bytes / 1e6),
    restoredToEvaluated: spread(({ restoredMs, evaluatedMs }) => restoredMs / evaluatedMs),
    restoredMs: spread(({ restoredMs }) => restoredMs),
    evaluatedMs: spread(({ evaluatedMs }) => evaluatedMs),
    megabytesPerSecond: spread(({ held }) => held.bytes / 1000 / held.transferMs),
    saveAndTransferMs: spread(({ held }) => held.wholeMs),
    senderNanosecondsPerByte: spread(({ held }) => (1e9 * held.senderSeconds) / held.bytes),
    receiverNanosecondsPerByte: spread(({ held }) => (1e9 * held.receiverSeconds) / held.bytes),
    speedKept: spread((result) => result.speedKept),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(table)}\n`);
  else for (const [name, figure] of Object.entries(table)) process.stdout.write(`${name}: ${JSON.stringify(figure)}\n`);
} finally {
  for (const node of nodes) await node.close();
  models.remove();
}
