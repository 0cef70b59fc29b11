// What an answer has to be, whatever was asked.

export type Answered = {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly answer: string;
  /** Of its headers. */
  readonly allow: string | null;
};

/** Longer errors quote too much of what was sent. */
const messageLengthMax = 2000;

/** @throws Error what is wrong with it. */
export function checkAnswer({ method, path, headers, status, answer, allow }: Answered): void {
  if (status >= 500 && !isNotReady(path, status)) throw new Error(`${status} ${answer.slice(0, 500)}`);
  if (status < 400 || isNotReady(path, status)) return;
  if (status === 405 && allow === null) throw new Error("405 without allow");
  if (method === "HEAD") return;
  const message = messageIn(JSON.parse(answer), apiOf(path, headers));
  if (message === null) throw new Error(`the error has another shape: ${status} ${answer.slice(0, 500)}`);
  if (message === "") throw new Error(`the error says nothing: ${status} ${answer.slice(0, 500)}`);
  if (message.length > messageLengthMax)
    throw new Error(`the error says too much: ${message.length} characters, ${message.slice(0, 500)}`);
}

/** What it says of itself is no error. */
function isNotReady(path: string, status: number): boolean {
  return status === 503 && path.startsWith("/readyz");
}

type Api = "openai" | "anthropic" | "ollama";

function apiOf(path: string, headers: Answered["headers"]): Api {
  const plain = path.replace(/%([0-7][0-9a-f])/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  if (/^\/v1\/messages([/?]|$)/.test(plain)) return "anthropic";
  const isOpenAis = /^\/v1\/(chat|completions|responses|embeddings|rerank)([/?]|$)/.test(plain);
  if (/^\/v1\//.test(plain) && !isOpenAis && headers["anthropic-version"] !== undefined) return "anthropic";
  return /^\/api([/?]|$)/.test(plain) ? "ollama" : "openai";
}

type ErrorBody = {
  readonly type?: unknown;
  readonly request_id?: unknown;
  readonly error?: string | Readonly<Record<string, unknown>>;
};

/** null for what is not the API's own shape. */
function messageIn({ type, request_id: requestId, error }: ErrorBody, api: Api): string | null {
  if (api === "ollama") return typeof error === "string" ? error : null;
  if (typeof error !== "object") return null;
  const keys = Object.keys(error).sort().join();
  const isOwn =
    api === "anthropic"
      ? type === "error" && typeof requestId === "string" && keys === "details,message,type"
      : keys === "code,message,param,type";
  return isOwn && typeof error["type"] === "string" && typeof error["message"] === "string" ? error["message"] : null;
}
