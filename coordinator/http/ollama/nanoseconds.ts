/** A span as Ollama's API tells it: never 0, which is left out there, and by which clients divide. */
export function nanoseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1e6));
}
