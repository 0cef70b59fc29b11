// A process of node-agents with simulated engines that step as slowly as the bench wants, say when they emitted each token,
// and answer over HTTP from their own process, past the pool.
import { randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { nodeAgentSchema } from "@pomona/node-agent/config";
import { SimulatedReplica } from "@pomona/node-agent/engine/simulated/simulated-engine";
import { runNodeAgent } from "@pomona/node-agent/main";
import { type AttemptFrame, defaultDecoding, endsUnread } from "@pomona/shared/core/generation";

/** What the process is started with, as its one argument in JSON. */
export type EnginesSpec = {
  readonly engines: number;
  readonly stepMs: number;
  /** Directories of the engines are made in it. */
  readonly directory: string;
  /** host:port of the coordinator. */
  readonly coordinator: string;
};

export type EnginesQuestion = { readonly asks: "emitted" };
export type EnginesAnswer =
  /** Once, when all engines serve: where they answer past the pool. */
  | { readonly port: number }
  /** Milliseconds of the machine's monotonic clock, by request, in the order of the tokens. */
  | { readonly emitted: Readonly<Record<string, readonly number[]>> };

// Of the bench's own making.
const { engines, stepMs, directory, coordinator } = JSON.parse(process.argv[2] ?? "") as EnginesSpec;
const budgetBytes = 2 ** 40;
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

const agents = await Promise.all(
  Array.from({ length: engines }, (_, index) =>
    runNodeAgent(
      nodeAgentSchema.parse({
        stateDir: join(directory, `${index}`),
        grpcPort: 0,
        peers: [coordinator],
        budgetBytes,
        mdns: false,
        engine: "simulated",
        logLevel: "fatal",
      }),
    ),
  ),
);

const tell = (answer: EnginesAnswer): void => {
  process.send?.(answer);
};
process.on("message", ({ asks }: Partial<EnginesQuestion>) => {
  if (asks !== "emitted") return;
  tell({ emitted });
  emitted = {};
});
process.once("SIGTERM", () => {
  void Promise.all(agents.map((agent) => agent.close())).finally(() => process.exit(0));
});
// A listening server over TCP has an address of this kind.
tell({ port: (server.address() as AddressInfo).port });
