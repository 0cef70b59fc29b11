// Bodies that come in chunks of any size, that are left in the middle, or are not as long as they said.
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { setImmediate as afterThis } from "node:timers/promises";
import fc from "fast-check";

export type Cut = {
  readonly pieceBytes: number;
  /** The client leaves after so much of it; 1 is all. */
  readonly share: number;
  /** What it says of its length; null for nothing, which sends chunks. */
  readonly toldBytes: "its own" | "more" | null;
};

export const cuts: fc.Arbitrary<Cut> = fc.record({
  pieceBytes: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(10_000)),
  share: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  toldBytes: fc.constantFrom("its own", "more", null),
});

/** Pieces that are sent one by one; the rest comes as the last. */
const piecesMax = 50;

type Sent = { readonly path: string; readonly text: string; readonly cut: Cut; readonly signal: AbortSignal };
export type PiecesAnswer = { readonly status: number; readonly answer: string; readonly allow: string | null };

/** null where the client has left before there was an answer. */
export async function sendInPieces(http: string, { path, text, cut, signal }: Sent): Promise<PiecesAnswer | null> {
  const body = Buffer.from(text);
  const told = { "its own": body.length, more: body.length + 1 };
  const length = cut.toldBytes === null ? {} : { "content-length": told[cut.toldBytes] };
  const request = httpRequest(`${http}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...length },
    agent: false,
    signal,
  });
  const isWhole = cut.share === 1 && cut.toldBytes !== "more";
  const answer = answerTo(request);
  // Whoever leaves waits for none, and the server may have answered, and closed, before all has come.
  answer.catch(() => undefined);
  request.on("error", () => undefined);
  const end = Math.floor(body.length * cut.share);
  for (let from = 0, count = 1; from < end && !request.destroyed; count += 1) {
    const to = count === piecesMax ? end : Math.min(end, from + cut.pieceBytes);
    request.write(body.subarray(from, to));
    await afterThis();
    from = to;
  }
  if (isWhole) {
    request.end();
    return await answer;
  }
  request.destroy();
  return await answer.catch(() => null);
}

async function answerTo(request: ReturnType<typeof httpRequest>): Promise<PiecesAnswer> {
  const [response]: IncomingMessage[] = await once(request, "response");
  if (response === undefined) throw new Error("no response");
  let answer = "";
  for await (const chunk of response) answer += String(chunk);
  return { status: response.statusCode ?? 0, answer, allow: response.headers.allow ?? null };
}
