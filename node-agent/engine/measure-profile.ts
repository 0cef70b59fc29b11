// A short measurement of a replica that nobody else uses.
import type { EngineProfile } from "@pomona/shared/core/engine-profile";
import { type Attempt, defaultDecoding, type Ending, endsUnread, ownScope } from "@pomona/shared/core/generation";
import type { EngineReplica } from "./engine.ts";

export type ProfileOptions = {
  /** Prompt tokens of the prefill; at most the context less the answer. */
  readonly promptTokens: number;
  /** Tokens of each stream. */
  readonly answerTokens: number;
  readonly rounds: number;
};

export const defaultProfileOptions: ProfileOptions = { promptTokens: 512, answerTokens: 48, rounds: 3 };

/** Enough to tell a fast machine from a slow one: 40 steps at most. */
export const briefProfileOptions: ProfileOptions = { promptTokens: 128, answerTokens: 8, rounds: 1 };

/**
 * Medians of the rounds: the prompt alone, then 1, 2, 4 ... streams up to the number of slots.
 * @throws Error when the replica fails an attempt.
 */
export async function measureProfile(
  replica: EngineReplica,
  options: ProfileOptions = defaultProfileOptions,
): Promise<Pick<EngineProfile, "prefill" | "decode">> {
  const { answerTokens, rounds } = options;
  const promptTokens = Math.min(options.promptTokens, replica.info.contextLength - answerTokens - 1);
  const speeds = async (measure: (round: number) => Promise<number>): Promise<number> => {
    const measured: number[] = [];
    for (let round = 0; round < rounds; round += 1) measured.push(await measure(round));
    return median(measured);
  };
  const prefill = await speeds(async (round) => {
    const { timings } = await run(replica, attemptOf(replica, { seed: round, promptTokens, maxTokens: 1 }));
    return (promptTokens / timings.prefillMs) * 1000;
  });
  const decode: { streams: number; tokensPerSecond: number }[] = [];
  for (let streams = 1; streams <= replica.info.slots; streams *= 2) {
    const tokensPerSecond = await speeds((round) => decodeSpeed(replica, { streams, answerTokens, round }));
    decode.push({ streams, tokensPerSecond });
  }
  return { prefill: { promptTokens, tokensPerSecond: prefill }, decode };
}

type DecodeRound = { readonly streams: number; readonly answerTokens: number; readonly round: number };

async function decodeSpeed(replica: EngineReplica, { streams, answerTokens, round }: DecodeRound): Promise<number> {
  const attempts = Array.from({ length: streams }, (_, stream) =>
    attemptOf(replica, { seed: 1000 * (round + 1) + stream, promptTokens: 16, maxTokens: answerTokens }),
  );
  const endings = await Promise.all(attempts.map((attempt) => run(replica, attempt)));
  const tokens = endings.reduce((sum, { usage }) => sum + usage.generatedTokens, 0);
  const longestMs = Math.max(...endings.map(({ timings }) => timings.decodeMs));
  return longestMs === 0 ? 0 : (tokens / longestMs) * 1000;
}

let attempts = 0;

type AttemptSize = { readonly seed: number; readonly promptTokens: number; readonly maxTokens: number };

/** Tokens that say nothing, from the middle of the vocabulary; another prompt for each seed. */
function attemptOf({ info }: EngineReplica, { seed, promptTokens, maxTokens }: AttemptSize): Attempt {
  attempts += 1;
  const first = Math.floor(info.vocabularySize / 4);
  const count = Math.max(1, Math.floor(info.vocabularySize / 2));
  const promptTokenIds = Array.from({ length: promptTokens }, (_, i) => first + ((i * 7919 + seed * 104_729) % count));
  return {
    requestId: attempts.toString(16).padStart(32, "0"),
    epoch: 1,
    replicaId: "profile",
    promptTokenIds,
    promptChunkLengths: [],
    emittedTokenIds: [],
    // A scope of its own: nothing of another round is reused.
    decoding: { ...defaultDecoding, maxTokens, cacheScope: ownScope(`profile ${attempts}`) },
    ...endsUnread,
  };
}

function run(replica: EngineReplica, attempt: Attempt): Promise<Ending> {
  return new Promise((resolve, reject) => {
    replica.generate(attempt, (frame) => {
      if (frame.kind !== "ending") return;
      const { ending } = frame;
      if (ending.failure === null) resolve(ending);
      else reject(new Error(ending.failure.message));
    });
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
