// The little of an HTTP client that the commands need: one streamed answer.
import { PomonaError, parseErrorCode } from "@pomona/shared/core/errors";

export type Message = { readonly role: "user" | "assistant"; readonly content: string };
export type Answer = { readonly text: string; readonly node: string | null; readonly requestId: string | null };

/** Nobody listens at the address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

export function streamChat(url: string, body: object, onText: (text: string) => void): Promise<Answer> {
  return stream({ url, path: "/v1/chat/completions", body }, onText);
}

export function streamCompletion(url: string, body: object, onText: (text: string) => void): Promise<Answer> {
  return stream({ url, path: "/v1/completions", body }, onText);
}

type Call = { readonly url: string; readonly path: string; readonly body: object };
type Chunk = {
  readonly error?: { readonly message: string; readonly code: string };
  readonly choices?: readonly { readonly text?: string; readonly delta?: { readonly content?: string } }[];
};

async function stream({ url, path, body }: Call, onText: (text: string) => void): Promise<Answer> {
  const response = await post(new URL(path, url), { ...body, stream: true });
  if (response.status !== 200 || response.body === null) throw errorOf((await response.json()) as Chunk);
  const decoder = new TextDecoder();
  let pending = "";
  let text = "";
  for await (const bytes of response.body) {
    const lines = (pending + decoder.decode(bytes, { stream: true })).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      const piece = textOf(line);
      text += piece;
      if (piece !== "") onText(piece);
    }
  }
  const node = response.headers.get("x-pomona-node");
  return { text, node, requestId: response.headers.get("x-request-id") };
}

async function post(url: URL, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  try {
    return await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  } catch (error) {
    throw new UnreachableError(`no answer from ${url.origin}`, { cause: error });
  }
}

/** The text of one line of an event stream. @throws PomonaError what the pool says went wrong. */
function textOf(line: string): string {
  if (!line.startsWith("data: ") || line === "data: [DONE]") return "";
  // The pool's own stream; a chunk without choices has no text.
  const chunk = JSON.parse(line.slice("data: ".length)) as Chunk;
  if (chunk.error !== undefined) throw errorOf(chunk);
  const choice = chunk.choices?.[0];
  return choice?.text ?? choice?.delta?.content ?? "";
}

function errorOf({ error }: Chunk): PomonaError {
  return new PomonaError(parseErrorCode(error?.code ?? "internal"), error?.message ?? "the pool sent no reason");
}
