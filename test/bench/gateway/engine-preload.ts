// Loaded into a node-agent before the program itself (`node --import`): the simulated engine steps as slowly as the bench
// wants, says when it emitted each token, and answers over HTTP from its own process, past the pool.
import { randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SimulatedReplica } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { type AttemptFrame, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";

export type EngineQuestion = { readonly asks: "port" | "emitted" };
/** Milliseconds of the machine's monotonic clock, by request, in the order of the tokens. */
export type EngineAnswer = {
  readonly port?: number;
  readonly emitted?: Readonly<Record<string, readonly number[]>>;
};

const stepMs = Number(process.env["BENCH_STEP_MS"] ?? 20);
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const replicas: SimulatedReplica[] = [];
let turn = 0;
let emitted: Record<string, number[]> = {};

const load = SimulatedReplica.prototype.generate;
SimulatedReplica.prototype.generate = function (this: SimulatedReplica, attempt, onFrame) {
  if (!replicas.includes(this)) replicas.push(this);
  const times: number[] = [];
  emitted[attempt.requestId] = times;
  const { setInterval } = globalThis;
  globalThis.setInterval = ((step: () => void) => setInterval(step, stepMs)) as typeof setInterval;
  try {
    load.call(this, attempt, (frame) => {
      if (frame.kind === "tokens") times.push(...frame.ids.map(nowMs));
      onFrame(frame);
    });
  } finally {
    globalThis.setInterval = setInterval;
  }
};

/** The same bytes for each token as the pool's, from the process that makes it. */
function answer(response: ServerResponse, prompt: string, maxTokens: number): void {
  turn += 1;
  const replica = replicas[turn % replicas.length];
  if (replica === undefined) {
    response.writeHead(503).end();
    return;
  }
  const requestId = randomBytes(16).toString("hex");
  response.socket?.setNoDelay(true);
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "x-request-id": requestId });
  response.flushHeaders();
  const head = {
    id: `cmpl-${requestId}`,
    object: "text_completion",
    created: 1,
    model: "m",
    system_fingerprint: "pomona",
  };
  let index = -1;
  const onFrame = (frame: AttemptFrame): void => {
    if (frame.kind === "tokens") {
      const text = frame.texts.map((bytes) => Buffer.from(bytes).toString()).join("");
      index += frame.ids.length;
      const chunk = { ...head, choices: [{ index: 0, text, logprobs: null, finish_reason: null }] };
      response.write(`id: ${requestId}-${index}\ndata: ${JSON.stringify(chunk)}\n\n`);
    }
    if (frame.kind === "ending") response.end("data: [DONE]\n\n");
  };
  const decoding = { ...defaultDecoding, maxTokens };
  const promptTokenIds = [...Buffer.from(prompt)];
  const attempt = {
    requestId,
    epoch: 1,
    replicaId: "direct",
    promptTokenIds,
    promptChunkLengths: [],
    emittedTokenIds: [],
  };
  replica.generate({ ...attempt, decoding, ...endsUnread }, onFrame);
}

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? "/", "http://bench");
  answer(response, searchParams.get("prompt") ?? "", Number(searchParams.get("tokens")));
});
server.listen(0, "127.0.0.1");

process.on("message", ({ asks }: Partial<EngineQuestion>) => {
  // A listening server over TCP has an address of this kind.
  if (asks === "port") process.send?.({ port: (server.address() as AddressInfo).port } satisfies EngineAnswer);
  if (asks === "emitted") {
    process.send?.({ emitted } satisfies EngineAnswer);
    emitted = {};
  }
});
