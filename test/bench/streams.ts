// One measured stream, the two ways to the same node-agent. Prompts differ by salt, so that no prefix is reused.
import { randomUUID } from "node:crypto";
import type { ClientReadableStream } from "@grpc/grpc-js";
import type { NodeClient } from "@pomona/proto/generated/pomona/v1/Node";
import type { NodeGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/NodeGenerateResponse";

export type StreamTimes = { readonly ttftMs: number; readonly tokens: number };

const promptLength = 64;
const maxTokens = 128;

/** Token ids of the random model's plain letters: 97 and on are single bytes in its vocabulary. */
function promptText(salt: number): string {
  let state = salt + 1;
  return Array.from({ length: promptLength }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return String.fromCharCode(97 + (state % 26));
  }).join("");
}

/** Through the coordinator: HTTP and server-sent events, one chunk a token. */
export async function runThroughPool(http: string, model: string, salt: number): Promise<StreamTimes> {
  const start = performance.now();
  const response = await fetch(`${http}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model,
      prompt: promptText(salt),
      temperature: 0,
      max_tokens: maxTokens,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  if (response.body === null || response.status !== 200)
    throw new Error(`${response.status}: ${await response.text()}`);
  const decoder = new TextDecoder();
  let ttftMs = Number.NaN;
  let text = "";
  for await (const piece of response.body) {
    if (Number.isNaN(ttftMs)) ttftMs = performance.now() - start;
    text += decoder.decode(piece, { stream: true });
  }
  const tokens = /"completion_tokens":(\d+)/.exec(text)?.[1];
  if (tokens === undefined) throw new Error("the stream has no usage");
  return { ttftMs, tokens: Number(tokens) };
}

/** The same request at the node-agent itself: tokenized there, generated over gRPC. */
export async function runDirect(client: NodeClient, model: string, salt: number): Promise<StreamTimes> {
  const start = performance.now();
  const replicaId = await replicaOf(client, model);
  const promptTokenIds = await tokenize(client, replicaId, promptText(salt));
  const stream: ClientReadableStream<NodeGenerateResponse__Output> = client.generate({
    requestId: randomUUID().replaceAll("-", ""),
    epoch: 1,
    replicaId,
    promptTokenIds,
    maxTokens,
    sampling: { temperature: 0 },
  });
  let ttftMs = Number.NaN;
  let tokens = 0;
  for await (const frame of stream as AsyncIterable<NodeGenerateResponse__Output>) {
    if (frame.tokens == null) continue;
    if (tokens === 0) ttftMs = performance.now() - start;
    tokens += frame.tokens.ids.length;
  }
  return { ttftMs, tokens };
}

function replicaOf(client: NodeClient, model: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.listReplicas({}, (error, answer) => {
      const id = answer?.replicas.find((replica) => replica.model === model)?.replicaId;
      if (id === undefined) reject(error ?? new Error(`no replica of ${model}`));
      else resolve(id);
    });
  });
}

function tokenize(client: NodeClient, replicaId: string, text: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    client.tokenize({ replicaId, text }, (error, answer) => {
      if (answer === undefined) reject(error ?? new Error("no token ids"));
      else resolve(answer.tokenIds);
    });
  });
}
