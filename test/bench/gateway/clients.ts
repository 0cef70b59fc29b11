// Many readers of server-sent events in one process, at as little cost as can be: what comes is counted, not parsed.
import { Agent, type ClientRequest, get, type IncomingMessage, request } from "node:http";

export type ReadStream = {
  readonly requestId: string;
  /** When each token came, in milliseconds of the machine's monotonic clock. */
  readonly cameMs: readonly number[];
};

export type Target =
  | { readonly kind: "pool"; readonly http: string }
  | { readonly kind: "direct"; readonly ports: readonly number[] };

export type AskedStream = { readonly index: number; readonly tokens: number };

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
/** Stands once in the event of each token, and in no other: at the end the text is empty. */
const mark = /"text":"[a-z]"/g;

/** Reads one answer to its end. @throws Error when it is refused. */
export async function readStream(target: Target, asked: AskedStream): Promise<ReadStream> {
  const response = await open(target, asked);
  const cameMs: number[] = [];
  let rest = "";
  response.setEncoding("latin1");
  for await (const piece of response as AsyncIterable<string>) {
    const nowMs = Number(process.hrtime.bigint()) / 1e6;
    const text = rest + piece;
    const end = text.lastIndexOf("\n\n") + 2;
    const events = end < 2 ? "" : text.slice(0, end);
    rest = text.slice(events.length);
    for (const _ of events.matchAll(mark)) cameMs.push(nowMs);
    if (events.includes('data: {"error"')) throw new Error(`a stream failed: ${events.slice(0, 500)}`);
  }
  return { requestId: String(response.headers["x-request-id"]), cameMs };
}

async function open(target: Target, asked: AskedStream): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    ask(target, asked, resolve).on("error", reject);
  });
  if (response.statusCode !== 200) {
    const pieces = await response.setEncoding("utf8").toArray();
    throw new Error(`the stream is answered with ${response.statusCode}: ${pieces.join("").slice(0, 300)}`);
  }
  return response;
}

function ask(
  target: Target,
  { index, tokens }: AskedStream,
  resolve: (response: IncomingMessage) => void,
): ClientRequest {
  const prompt = `bench ${index}`;
  if (target.kind === "direct") {
    const port = target.ports[index % target.ports.length];
    return get(
      { agent, host: "127.0.0.1", port, path: `/?prompt=${encodeURIComponent(prompt)}&tokens=${tokens}` },
      resolve,
    );
  }
  const body = JSON.stringify({ model: "m", prompt, max_tokens: tokens, temperature: 0, stream: true });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const sent = request(`${target.http}/v1/completions`, { agent, method: "POST", headers }, resolve);
  sent.end(body);
  return sent;
}
