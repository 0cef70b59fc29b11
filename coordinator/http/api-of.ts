import type { FastifyRequest } from "fastify";

/** Those that are OpenAI's whatever the headers say. */
const openaiPaths = /^\/v1\/(?:chat|completions|responses|embeddings|rerank)(?:[/?]|$)/;

/** Whose shape an answer has to a request that no adapter has understood yet. Paths of none of them have OpenAI's. */
export function apiOf({ url, headers }: Pick<FastifyRequest, "url" | "headers">): "openai" | "anthropic" | "ollama" {
  if (/^\/v1\/messages(?:[/?]|$)/.test(url)) return "anthropic";
  // Both have their models here, and much that is not here: Anthropic's clients always name the version of its API.
  const isElsewhere = !openaiPaths.test(url) && /^\/v1\//.test(url);
  if (isElsewhere && headers["anthropic-version"] !== undefined) return "anthropic";
  return /^\/api(?:[/?]|$)/.test(url) ? "ollama" : "openai";
}
