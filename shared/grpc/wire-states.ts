// States of sequences that go from node to node, and how fast nodes reach each other: wire format <-> values.
import type { PeerLine__Output } from "@pomona/proto/generated/pomona/v1/PeerLine";
import type {
  SequenceState__Output,
  SequenceState as WireState,
} from "@pomona/proto/generated/pomona/v1/SequenceState";
import type { CacheScope } from "../core/generation.ts";
import type { PeerLine } from "../core/node-status.ts";
import { checkCount, checkLength, checkNumber, checkPresent, checkText, fail, tokensMax } from "./wire-checks.ts";

const linesMax = 64;
const keyLengthMax = 64;
const scopeLengthMax = 256;

/** The KV of one sequence as its sender describes it; see `SequenceState` of the engine port. */
export type StateHeader = {
  /** Equal for replicas that can use each other's. */
  readonly key: string;
  readonly scope: CacheScope;
  readonly tokenIds: readonly number[];
  readonly chunkLengths: readonly number[];
  readonly bytes: number;
};

export function stateHeaderToWire({ key, scope, tokenIds, chunkLengths, bytes }: StateHeader): WireState {
  return {
    key,
    tokenIds: [...tokenIds],
    chunkLengths: [...chunkLengths],
    cacheScope: scope.owner,
    sharedPromptTokens: scope.sharedTokens,
    bytes,
  };
}

/** @throws PomonaError `invalid_request`. */
export function stateHeaderFromWire(wire: SequenceState__Output | null): StateHeader {
  const state = checkPresent("state", wire);
  const tokenIds = checkLength("state.token_ids", state.tokenIds, tokensMax);
  const chunkLengths = checkLength("state.chunk_lengths", state.chunkLengths, tokensMax);
  const sum = chunkLengths.reduce((total, length) => total + length, 0);
  if (sum !== tokenIds.length || chunkLengths.includes(0))
    fail("state.chunk_lengths", `sum to ${sum}, not to the ${tokenIds.length} tokens of the state`);
  return {
    key: checkText("state.key", state.key, keyLengthMax),
    scope: {
      owner: checkText("state.cache_scope", state.cacheScope, scopeLengthMax),
      sharedTokens: checkCount("state.shared_prompt_tokens", state.sharedPromptTokens),
    },
    tokenIds,
    chunkLengths,
    bytes: checkCount("state.bytes", state.bytes),
  };
}

export function peerLinesFromWire(lines: readonly PeerLine__Output[]): PeerLine[] {
  return checkLength("status.lines", lines, linesMax).map(({ address, bytesPerSecond }) => ({
    address: checkText("status.lines.address", address, 261),
    bytesPerSecond: checkNumber("status.lines.bytes_per_second", bytesPerSecond, { min: 0, max: 1e12 }),
  }));
}
