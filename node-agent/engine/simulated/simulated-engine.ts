// An engine without a model, for scale and for tests: each token is a known function of the prompt and its index.

import { existsSync, readFileSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { commonPrefix } from "@pomona/shared/core/common-prefix";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Attempt, AttemptFrame, CheckpointUse, Ending, TokenLogprobs } from "@pomona/shared/core/generation";
import { infillTokensOfHeader } from "@pomona/shared/core/gguf/infill-tokens";
import { type InfillTokens, infillPrompt } from "@pomona/shared/core/infill";
import { plainForm } from "@pomona/shared/core/output/answer-form";
import { packPrompt } from "@pomona/shared/core/prompt-logprobs";
import { readGgufBeginning } from "@pomona/shared/runtime/gguf-file";
import { checkAttempt } from "../check-attempt.ts";
import { checkEmbedInputs } from "../check-pooled-call.ts";
import { CheckedGrammars } from "../checked-grammars.ts";
import type {
  AdoptedState,
  Engine,
  EngineLoadSpec,
  EngineReplica,
  EngineReplicaInfo,
  Ranking,
  SequenceState,
  TokenizedPrompt,
  TokenizeInput,
} from "../engine.ts";
import { unableToInfill } from "../unable-to-infill.ts";

export type SimulatedEngineOptions = {
  /** Time of one decode step; 5 ms by default. */
  readonly stepMs?: number;
  /** Prompt tokens of one step; 256 by default. */
  readonly chunkLength?: number;
};

const vocabularySize = 356;
const firstLetter = 97;

/** Token `index` of the answer to a prompt: a letter that depends on every token of the prompt and on the index. */
export function simulatedToken(promptTokenIds: readonly number[], index: number): number {
  let hash = index + 1;
  for (const id of promptTokenIds) hash = (Math.imul(hash, 31) + id) >>> 0;
  return firstLetter + (hash % 26);
}

/** All text that a prompt is answered with. */
export function predictSimulated(promptTokenIds: readonly number[], maxTokens: number): string {
  return Array.from({ length: maxTokens }, (_, i) => String.fromCharCode(simulatedToken(promptTokenIds, i))).join("");
}

/** Reads no model: any file that begins as a GGUF file loads. Tokens are the bytes of the text. */
export function createSimulatedEngine(options: SimulatedEngineOptions = {}): Engine {
  return {
    build: "simulated 1",
    load: async (spec, signal) => {
      const head = await readFile(spec.modelPath, { signal }).then((bytes) => bytes.subarray(0, 4).toString("latin1"));
      if (head !== "GGUF") throw new PomonaError("invalid_model", `${spec.modelPath} is not a GGUF file`);
      const { stepMs = 5, chunkLength = 256 } = options;
      return new SimulatedReplica(spec, { stepMs, chunkLength, infills: await readInfills(spec.modelPath, signal) });
    },
  };
}

/** The tokens around a gap: those behind the bytes. */
export const simulatedInfill: InfillTokens = {
  prefix: 256,
  suffix: 257,
  middle: 258,
  isSuffixFirst: false,
  ends: [256, 257, 258],
};

/** As of a real model: where the file names tokens for it. */
async function readInfills(path: string, signal: AbortSignal): Promise<boolean> {
  const read = readGgufBeginning(path, signal);
  return await read.then(({ header }) => infillTokensOfHeader(header) !== null).catch(() => false);
}

type ReplicaOptions = Required<SimulatedEngineOptions> & { readonly infills?: boolean };

type Running = {
  readonly attempt: Attempt;
  readonly slot: number;
  readonly onFrame: (frame: AttemptFrame) => void;
  readonly cached: number;
  evaluated: number;
  index: number;
  /** Tokens of the prompt whose log-probabilities were told. */
  told: number;
};

/** The same life as a real replica: one ending each, prefill before tokens, slots that keep what they have read. */
export class SimulatedReplica implements EngineReplica {
  readonly info: EngineReplicaInfo;
  readonly held = [];
  readonly speed = null;
  readonly exited: Promise<PomonaError | null>;
  readonly #options: ReplicaOptions;
  readonly #running: Running[] = [];
  readonly #grammars = new CheckedGrammars();
  readonly #held: number[][];
  readonly #adopted = new Map<string, AdoptedState>();
  #timer: NodeJS.Timeout | null = null;
  #gone: PomonaError | null = null;
  #settleExit: (reason: PomonaError | null) => void = () => undefined;

  constructor(spec: EngineLoadSpec, options: ReplicaOptions) {
    const { contextLength, slots } = spec;
    const memory = { weightsBytes: 0, kvBytes: 0, computeBytes: 0, processBytes: 0 };
    this.info = {
      contextLength,
      inputLengthMax: contextLength,
      slots,
      vocabularySize,
      hasChatTemplate: true,
      pid: null,
      workingSetBytes: null,
      memory,
    };
    this.#options = options;
    this.#held = Array.from({ length: slots }, () => []);
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
  }

  generate(attempt: Attempt, onFrame: (frame: AttemptFrame) => void): void {
    if (this.#gone !== null) throw this.#gone;
    checkAttempt(attempt, { ...this.info, runningCount: this.#running.length, grammars: this.#grammars });
    const all = [...attempt.promptTokenIds, ...attempt.emittedTokenIds];
    const { slot, common: inSlot } = this.#chooseSlot(all);
    const { common, use } = this.#restore(attempt.requestId, all, inSlot);
    const cached = attempt.decoding.logsPrompt ? 0 : Math.min(common, all.length - 1);
    const running = {
      attempt,
      slot,
      onFrame,
      cached,
      evaluated: cached,
      index: attempt.emittedTokenIds.length,
      told: 0,
    };
    this.#running.push(running);
    this.#held[slot] = all;
    this.#timer ??= setInterval(() => this.#step(), this.#options.stepMs);
    const cachedPromptTokens = Math.min(cached, attempt.promptTokenIds.length);
    queueMicrotask(() => {
      const cachedChunkLengths = cachedPromptTokens === 0 ? [] : [cachedPromptTokens];
      const promptTokens = attempt.promptTokenIds.length;
      onFrame({ kind: "accepted", slot, cachedPromptTokens, cachedChunkLengths, promptTokens, ...use });
    });
  }

  cancel(requestId: string, epoch: number): void {
    const running = this.#running.find(({ attempt }) => attempt.requestId === requestId && attempt.epoch === epoch);
    if (running !== undefined) queueMicrotask(() => this.#end(running, { reason: "cancelled", failure: null }));
  }

  tokenize(input: TokenizeInput, signal: AbortSignal): Promise<TokenizedPrompt> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    if (signal.aborted) return Promise.reject(new PomonaError("cancelled", "tokenizing was cancelled"));
    if (input.kind === "infill" && this.#options.infills !== true) return Promise.reject(unableToInfill());
    const all = tokensOf(input);
    const tokenIds = input.kind === "tokens" ? all : all.slice(0, this.info.contextLength + 1);
    return Promise.resolve({
      tokenIds,
      tokensLeftOut: all.length - tokenIds.length,
      stop: [],
      ...(input.kind === "infill" ? { stopTokenIds: simulatedInfill.ends } : {}),
      form: plainForm,
      sharedTokens: 0,
    });
  }

  /** Vectors of the counts of 16 kinds of tokens: the same for the same tokens, in any order. */
  embed(inputs: readonly (readonly number[])[]): Promise<readonly Float32Array[]> {
    try {
      checkEmbedInputs(inputs, vocabularySize);
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.resolve(inputs.map(countVector));
  }

  rank(): Promise<Ranking> {
    return Promise.reject(new PomonaError("failed_precondition", "the simulated engine ranks nothing"));
  }

  /** Tokens are all that there is of a state. */
  async saveState(requestId: string, epoch: number, path: string): Promise<SequenceState> {
    if (this.#gone !== null) throw this.#gone;
    const running = this.#running.find(({ attempt }) => attempt.requestId === requestId && attempt.epoch === epoch);
    if (running === undefined) throw new PomonaError("not_found", `request ${requestId}/${epoch} does not run here`);
    if (!isDecoding(running)) throw new PomonaError("failed_precondition", "the prompt is being evaluated");
    const tokenIds = [...(this.#held[running.slot] ?? [])];
    await writeFile(path, JSON.stringify(tokenIds), { mode: 0o600 });
    const { size: bytes } = await stat(path);
    return { scope: running.attempt.decoding.cacheScope, tokenIds, chunkLengths: [tokenIds.length], bytes };
  }

  adoptState(state: AdoptedState): void {
    this.#adopted.set(state.path, state);
  }

  dropState(path: string): void {
    this.#adopted.delete(path);
  }

  /** The longest beginning that is held in the slot or was adopted for the request, if that is whole. */
  #restore(
    requestId: string,
    tokenIds: readonly number[],
    inSlot: number,
  ): { readonly common: number; readonly use: { readonly checkpoint?: CheckpointUse } } {
    for (const { requestId: owner, path, crc32: sum, tokenIds: saved } of this.#adopted.values()) {
      const common = owner === requestId ? commonPrefix(saved, tokenIds) : 0;
      if (common <= inSlot) continue;
      const isWhole = existsSync(path) && crc32(readFileSync(path)) === sum;
      if (isWhole) return { common, use: { checkpoint: "restored" } };
      this.#adopted.delete(path);
      return { common: 0, use: { checkpoint: "failed" } };
    }
    return { common: inSlot, use: {} };
  }

  /** Dies as a real engine does: every attempt fails, retryable. */
  crash(): void {
    const reason = new PomonaError("engine_crashed", "the simulated engine was made to crash");
    this.#gone = reason;
    const failure = { code: reason.code, message: reason.message, isRetryable: true };
    for (const running of [...this.#running]) this.#end(running, { reason: "failed", failure });
    this.#settleExit(reason);
  }

  close(): Promise<void> {
    this.#gone ??= new PomonaError("node_lost", "the replica was unloaded");
    const failure = { code: "node_lost", message: "the replica was unloaded", isRetryable: true } as const;
    for (const running of [...this.#running]) this.#end(running, { reason: "failed", failure });
    this.#settleExit(null);
    return Promise.resolve();
  }

  #step(): void {
    const prefilling = this.#running.find((running) => !isDecoding(running));
    for (const running of this.#running.filter(isDecoding)) this.#decode(running);
    if (prefilling !== undefined) this.#prefill(prefilling);
  }

  #prefill(running: Running): void {
    const totalTokens = running.attempt.promptTokenIds.length + running.attempt.emittedTokenIds.length;
    const chunkLength = Math.min(this.#options.chunkLength, totalTokens - 1 - running.evaluated);
    running.evaluated += chunkLength;
    running.onFrame({ kind: "prefill", evaluatedTokens: running.evaluated, totalTokens, chunkLength });
    tellPrompt(running);
  }

  #decode(running: Running): void {
    const { attempt } = running;
    const { topLogprobs, logsPrompt, stopTokenIds } = attempt.decoding;
    tellPrompt(running);
    const id = simulatedToken(attempt.promptTokenIds, running.index);
    const logprobs = topLogprobs === null ? null : simulatedLogprobs(topLogprobs);
    if (stopTokenIds.includes(id)) {
      const end = logsPrompt && logprobs !== null ? { endLogprobs: logprobs } : {};
      this.#end(running, { reason: "stop", failure: null, ...end });
      return;
    }
    running.onFrame({
      kind: "tokens",
      firstIndex: running.index,
      ids: [id],
      texts: [Uint8Array.of(id)],
      logprobs: logprobs === null ? null : [logprobs],
    });
    running.index += 1;
    this.#held[running.slot]?.push(id);
    if (running.index >= attempt.decoding.maxTokens) this.#end(running, { reason: "length", failure: null });
  }

  #end(running: Running, how: Pick<Ending, "reason" | "failure" | "endLogprobs">): void {
    const index = this.#running.indexOf(running);
    if (index < 0) return;
    this.#running.splice(index, 1);
    if (this.#running.length === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    const promptTokens = running.attempt.promptTokenIds.length;
    const usage = { promptTokens, cachedPromptTokens: running.cached, generatedTokens: running.index };
    running.onFrame({ kind: "ending", ending: { ...how, usage, timings: { queueMs: 0, prefillMs: 0, decodeMs: 0 } } });
  }

  #chooseSlot(tokenIds: readonly number[]): { readonly slot: number; readonly common: number } {
    const busy = new Set(this.#running.map(({ slot }) => slot));
    let best = { slot: -1, common: -1 };
    this.#held.forEach((held, slot) => {
      if (busy.has(slot)) return;
      const common = commonPrefix(held, tokenIds);
      if (common > best.common) best = { slot, common };
    });
    return best;
  }
}

function tokensOf(input: TokenizeInput): readonly number[] {
  switch (input.kind) {
    case "tokens":
      return input.tokenIds;
    case "text":
    case "plainText":
      return bytesOf(input.text);
    case "chat":
      return bytesOf(input.messages.map(({ content }) => content).join("\n"));
    case "infill":
      return infillPrompt(simulatedInfill, input).flatMap((part) => (typeof part === "number" ? part : bytesOf(part)));
  }
}

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** Every token is as likely as any other one in its place. */
function simulatedLogprobs(topCount: number): TokenLogprobs {
  const top = Array.from({ length: topCount }, (_, rank) => {
    const id = firstLetter + rank;
    return { id, text: Uint8Array.of(id), logprob: -1 - rank };
  });
  return { logprob: -1, top };
}

function tellPrompt(running: Running): void {
  const { promptTokenIds, decoding } = running.attempt;
  const firstIndex = running.told;
  const end = Math.min(running.evaluated + 1, promptTokenIds.length);
  if (!decoding.logsPrompt || firstIndex >= end) return;
  running.told = end;
  const topCount = decoding.topLogprobs ?? 0;
  const tokens = promptTokenIds.slice(firstIndex, end).map((id, place) => {
    const logprobs = firstIndex + place === 0 ? null : simulatedLogprobs(topCount);
    return { id, text: Uint8Array.of(id), logprobs };
  });
  running.onFrame({ kind: "promptLogprobs", logprobs: packPrompt(firstIndex, topCount, tokens) });
}

function countVector(tokenIds: readonly number[]): Float32Array {
  const counts = new Float32Array(16);
  for (const id of tokenIds) counts[id % counts.length] = (counts[id % counts.length] ?? 0) + 1;
  const length = Math.hypot(...counts);
  return counts.map((count) => count / length);
}

function isDecoding({ attempt, evaluated }: Running): boolean {
  return evaluated >= attempt.promptTokenIds.length + attempt.emittedTokenIds.length - 1;
}
