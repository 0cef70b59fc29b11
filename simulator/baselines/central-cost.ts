import { decodeStepSeconds, prefillSeconds } from "../engine/machine-profile.ts";
import { blockTokens } from "../engine/prefix.ts";
import type { AttemptView, Baseline, ReplicaView, VisibleRequest } from "./baseline.ts";

const firstGuess = 300;
const remembered = 300;
const plannedMax = 48;
const prefillStakeMax = 60;
const decodeWeight = 0.25;

/**
 * The study's own design (sections 2.2 and 2.3): a planning pass in the order of deadlines, each request to the replica of
 * the least cost in seconds; one that had better wait for a busy replica reserves it. Without classes and tenants.
 */
export const centralCost: Baseline = {
  name: "central-cost",
  binds: "plan",
  start: () => {
    const answers = [firstGuess];
    let reservations = new Map<number, number[]>();
    let planned = 0;
    return {
      beginPass: () => {
        reservations = new Map();
        planned = 0;
      },
      order: (waiting) => [...waiting].sort((one, other) => dueOf(one) - dueOf(other)),
      choose: (request, replicas) => {
        planned += 1;
        if (planned > plannedMax) return null;
        let best: { readonly replica: ReplicaView; readonly score: number; readonly work: number } | null = null;
        for (const replica of replicas) {
          const cost = costOf(request, replica, { answers, reserved: reservations.get(replica.index) ?? [] });
          if (best === null || cost.score < best.score) best = { replica, ...cost };
        }
        if (best === null) return null;
        const { replica, work } = best;
        if (replica.running < replica.profile.slots) return replica;
        reservations.set(replica.index, [...(reservations.get(replica.index) ?? []), work]);
        return null;
      },
      finished: (_replica, _request, { generatedTokens }) => {
        answers.push(generatedTokens);
        if (answers.length > remembered) answers.shift();
      },
    };
  },
};

/** 5 s, and twice the prompt's time on an M3 Ultra. */
function dueOf({ arrivedAtMs, promptTokens }: VisibleRequest): number {
  return arrivedAtMs + 5000 + (2000 * promptTokens) / 302;
}

type Known = { readonly answers: readonly number[]; readonly reserved: readonly number[] };

function costOf(
  request: VisibleRequest,
  replica: ReplicaView,
  { answers, reserved }: Known,
): { readonly score: number; readonly work: number } {
  const { profile, running } = replica;
  const outputTokens = leftOf(answers, 0);
  const total = request.promptTokens + request.emittedTokens;
  const hit = Math.min(replica.reusableBlocks(request.blocks) * blockTokens, total - 1);
  const tokens = total - hit;
  const alone = tokens / profile.prefillTokensPerSecond;
  let shared = 0;
  for (const { waitingTokens } of replica.attempts)
    shared += Math.min(waitingTokens, tokens) / profile.prefillTokensPerSecond;
  const wait = running < profile.slots ? 0 : waitOf(replica, answers, reserved);
  const prefill = prefillSeconds(profile, { tokens, contextTokens: hit }) + shared;
  const mean = total + outputTokens / 2;
  const stepWith = (streams: number): number => decodeStepSeconds(profile, { streams, contextTokens: streams * mean });
  const slowdown = (0.5 * running * outputTokens * profile.slotSlowdown) / profile.decodeTokensPerSecond;
  const delay = running * Math.min(alone, prefillStakeMax) + slowdown;
  const decode = outputTokens * stepWith(Math.min(profile.slots, running + 1));
  return {
    score: wait + prefill + decodeWeight * decode + delay,
    work: alone + outputTokens * stepWith(profile.slots),
  };
}

/** Seconds until a slot is free, after the requests that have reserved one. */
function waitOf(
  { profile, attempts, activeTokens, running }: ReplicaView,
  answers: readonly number[],
  reserved: readonly number[],
): number {
  const step = decodeStepSeconds(profile, { streams: running, contextTokens: activeTokens });
  const ends = [...attempts].map(
    ({ waitingTokens, generatedTokens }: AttemptView) =>
      waitingTokens / profile.prefillTokensPerSecond + leftOf(answers, generatedTokens) * step,
  );
  ends.sort((one, other) => one - other);
  for (const work of reserved) {
    const first = ends.shift() ?? 0;
    ends.push(first + work);
    ends.sort((one, other) => one - other);
  }
  return ends[0] ?? 0;
}

/** Tokens that an answer of so many tokens still needs, by the last ones that were longer. */
function leftOf(answers: readonly number[], generated: number): number {
  let sum = 0;
  let count = 0;
  for (const length of answers) {
    if (length <= generated) continue;
    sum += length - generated;
    count += 1;
  }
  return count === 0 ? 50 : sum / count;
}
