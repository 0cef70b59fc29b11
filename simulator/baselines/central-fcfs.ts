import { decodeStepSeconds, prefillSeconds } from "../engine/machine-profile.ts";
import { blockTokens } from "../engine/prefix.ts";
import { type Baseline, lowest, type ReplicaView, type VisibleRequest } from "./baseline.ts";

/** Tokens that an answer is expected to have before any came; then the mean of the last ones. */
const firstGuess = 300;
const remembered = 300;
const prefillStakeMax = 60;

/**
 * One queue in the order of arrival, and the replica of the lowest cost in seconds among those with a free slot: the study's
 * score without its plan for those behind (sections 2.2 and 2.3). What fairness and planning add is measured against it.
 */
export const centralFcfs: Baseline = {
  name: "central-fcfs",
  binds: "slot",
  start: (random) => {
    const answers = [firstGuess];
    return {
      choose: (request, replicas) => {
        const outputTokens = answers.reduce((sum, length) => sum + length, 0) / answers.length;
        return lowest(replicas, (replica) => costOf(request, replica, outputTokens), random);
      },
      finished: (_replica, _request, { generatedTokens }) => {
        answers.push(generatedTokens);
        if (answers.length > remembered) answers.shift();
      },
    };
  },
};

function costOf(request: VisibleRequest, replica: ReplicaView, outputTokens: number): number {
  const { profile, running } = replica;
  const total = request.promptTokens + request.emittedTokens;
  const hit = Math.min(replica.reusableBlocks(request.blocks) * blockTokens, total - 1);
  const tokens = total - hit;
  const prefill = prefillSeconds(profile, { tokens, contextTokens: hit });
  const shared = Math.min(replica.waitingPromptTokens, tokens * running) / profile.prefillTokensPerSecond;
  const streams = running + 1;
  const step = decodeStepSeconds(profile, { streams, contextTokens: replica.activeTokens + total });
  const slowdown = (0.5 * running * outputTokens * profile.slotSlowdown) / profile.decodeTokensPerSecond;
  const delay = running * Math.min(tokens / profile.prefillTokensPerSecond, prefillStakeMax) + slowdown;
  return prefill + shared + 0.25 * outputTokens * step + delay;
}
