import type { FastifyRequest } from "fastify";

/** Whose shape an answer has to a request that no adapter has understood yet. Paths of none of them have OpenAI's. */
export function apiOf({ url, headers }: Pick<FastifyRequest, "url" | "headers">): "openai" | "anthropic" | "ollama" {
  if (/^\/v1\/messages(?:[/?]|$)/.test(url)) return "anthropic";
  // Both have their models here: Anthropic's clients always name the version of its API.
  if (/^\/v1\/models(?:[/?]|$)/.test(url) && headers["anthropic-version"] !== undefined) return "anthropic";
  return /^\/api(?:[/?]|$)/.test(url) ? "ollama" : "openai";
}
