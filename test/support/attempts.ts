// Attempts on a replica, and what came of them.
import type { EngineReplica } from "@pomona/node-agent/engine/engine";
import type { NodeAgent } from "@pomona/node-agent/node-agent";
import {
  type Attempt,
  type AttemptFrame,
  type Decoding,
  defaultDecoding,
  type Ending,
  endsUnread,
} from "@pomona/shared/core/generation";

export type Collected = {
  readonly frames: readonly AttemptFrame[];
  /** Token ids, earlier attempts' left out. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly ending: Ending;
  /** How the prompt came into the slot: what a later attempt is told. */
  readonly chunkLengths: readonly number[];
};
export type Started = { readonly frames: AttemptFrame[]; readonly done: Promise<Collected> };
export type Changes = Partial<Omit<Attempt, "requestId" | "promptTokenIds" | "decoding">> & Partial<Decoding>;

let requests = 0;

/** Greedy, 20 tokens, unless changed. */
export function attemptOf(promptTokenIds: readonly number[], changes: Changes = {}): Attempt {
  requests += 1;
  const { replicaId = "under-test", epoch = 1, promptChunkLengths = [], emittedTokenIds = [], ...others } = changes;
  const { orphanMs, takeover, ...decoding } = { ...endsUnread, ...others };
  return {
    requestId: requests.toString(16).padStart(32, "0"),
    epoch,
    replicaId,
    promptTokenIds,
    promptChunkLengths,
    emittedTokenIds,
    decoding: { ...defaultDecoding, maxTokens: 20, ...decoding },
    orphanMs,
    takeover,
  };
}

/** @throws PomonaError when the engine refuses the attempt. */
export function start(
  replica: EngineReplica,
  attempt: Attempt,
  onFrame: (frame: AttemptFrame) => void = () => undefined,
): Started {
  const frames: AttemptFrame[] = [];
  let finish: (collected: Collected) => void = () => undefined;
  const done = new Promise<Collected>((resolve) => {
    finish = resolve;
  });
  replica.generate(attempt, (frame) => {
    frames.push(frame);
    onFrame(frame);
    if (frame.kind === "ending") finish(collect(frames, frame.ending));
  });
  return { frames, done };
}

/** Runs an attempt on a node-agent, which is read to its ending. @throws PomonaError when it is refused. */
export async function runOn(
  agent: NodeAgent,
  attempt: Attempt,
  onFrame: (frame: AttemptFrame) => void = () => undefined,
): Promise<Collected> {
  const reader = await agent.attempts.start(attempt, new AbortController().signal);
  const frames: AttemptFrame[] = [];
  for (;;) {
    const frame = reader.next();
    if (frame === null) await reader.wait();
    else {
      frames.push(frame);
      onFrame(frame);
      if (frame.kind !== "ending") continue;
      reader.leave(true);
      return collect(frames, frame.ending);
    }
  }
}

function collect(frames: readonly AttemptFrame[], ending: Ending): Collected {
  const tokens = tokensOf(frames);
  return {
    frames,
    ids: tokens.flatMap((frame) => frame.ids),
    text: Buffer.concat(tokens.flatMap((frame) => frame.texts)).toString(),
    ending,
    chunkLengths: frames.flatMap((frame) => {
      if (frame.kind === "accepted") return frame.cachedChunkLengths;
      return frame.kind === "prefill" ? [frame.chunkLength] : [];
    }),
  };
}

export function tokensOf(frames: readonly AttemptFrame[]): (AttemptFrame & { kind: "tokens" })[] {
  return frames.filter((frame) => frame.kind === "tokens");
}

/** The token ids of a text. */
export async function ids(replica: EngineReplica, text: string): Promise<readonly number[]> {
  return (await replica.tokenize({ kind: "text", text }, AbortSignal.timeout(10_000))).tokenIds;
}
