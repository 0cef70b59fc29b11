// How far the frames of an attempt have come. A node that is attached tells again what it said first.
import type { AttemptFrame } from "@pomona/shared/core/generation";

export type AttemptProgress = {
  /** Of the token that is due. */
  nextIndex: number;
  isAccepted: boolean;
  /** One more than the last told prompt tokens in the slot; 0 before. */
  evaluatedTokens: number;
};

export function progressFrom(nextIndex: number): AttemptProgress {
  return { nextIndex, isAccepted: false, evaluatedTokens: 0 };
}

/** Whether a frame is to be passed on: of what comes before the tokens, only what has not come before. */
export function noteFrame(progress: AttemptProgress, frame: AttemptFrame): boolean {
  switch (frame.kind) {
    case "accepted": {
      const isNew = !progress.isAccepted;
      progress.isAccepted = true;
      return isNew;
    }
    case "prefill": {
      if (progress.evaluatedTokens > frame.evaluatedTokens) return false;
      progress.evaluatedTokens = frame.evaluatedTokens + 1;
      return true;
    }
    // The request's record tells what it has.
    case "promptLogprobs":
      return true;
    case "tokens":
      progress.nextIndex = frame.firstIndex + frame.ids.length;
      return true;
    case "ending":
      return true;
  }
}

export type TokensFrame = Extract<AttemptFrame, { kind: "tokens" }>;

/** The part of a frame that lies at or after a token index; null when there is none. */
export function tokensFrom(frame: TokensFrame, index: number): TokensFrame | null {
  const before = Math.max(0, index - frame.firstIndex);
  if (before === 0) return frame;
  if (before >= frame.ids.length) return null;
  const [ids, texts] = [frame.ids.slice(before), frame.texts.slice(before)];
  return { ...frame, firstIndex: index, ids, texts, logprobs: frame.logprobs?.slice(before) ?? null };
}
