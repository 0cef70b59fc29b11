/** A span as Ollama's API tells it. */
export function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}
