// Carries a request for vectors or relevance through the gateway: one answer, written in pieces, because it may be long.
import { setImmediate } from "node:timers/promises";
import type { Caller } from "../../core/generation-request.ts";
import type { PooledUse } from "../../core/pooled-request.ts";
import type { AnswerDependencies, AnswerTarget } from "./answer-request.ts";
import { requestCaller } from "./request-headers.ts";

export type PooledRun<Answer extends PooledUse> = {
  readonly ask: (caller: Caller) => Promise<Answer>;
  /** Pieces of the body, each of which costs little. */
  readonly write: (answer: Answer, requestId: string) => Iterable<string>;
};

/** Characters that are written before others get their turn. */
const charactersATurn = 256 * 1024;

/**
 * Answers a request. Aborts it as soon as the client has gone.
 * @throws PomonaError what became of it.
 */
export async function answerPooled<Answer extends PooledUse>(
  { ask, write }: PooledRun<Answer>,
  { openAnswers }: Pick<AnswerDependencies, "openAnswers">,
  { request, reply }: AnswerTarget,
): Promise<void> {
  await openAnswers.during(reply.raw, async (signal) => {
    const answer = await ask(requestCaller(request, signal));
    reply.header("x-pomona-node", answer.nodeId);
    reply.header("x-pomona-queue-ms", String(Math.round(answer.queueMs)));
    const body = await inTurns(write(answer, request.id));
    await reply.header("content-type", "application/json; charset=utf-8").send(body);
  });
}

async function inTurns(pieces: Iterable<string>): Promise<string> {
  const written: string[] = [];
  let left = charactersATurn;
  for (const piece of pieces) {
    written.push(piece);
    left -= piece.length;
    if (left > 0) continue;
    await setImmediate();
    left = charactersATurn;
  }
  return written.join("");
}
