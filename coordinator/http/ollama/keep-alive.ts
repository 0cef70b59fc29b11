import { invalid } from "../requests/field.ts";

/** A span as Go writes it: https://pkg.go.dev/time#ParseDuration */
const goDuration = /^[-+]?(?:0|(?:(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:ns|us|µs|μs|ms|s|m|h)){1,8})$/;

/**
 * Whether a `keep_alive` asks to unload the model at once. What it asks for otherwise is checked, and decides nothing: how long
 * a model stays is its deployment's to say.
 * @throws PomonaError `invalid_request` that names the field.
 */
export function isUnloading(keepAlive: unknown): boolean {
  if (keepAlive === undefined || keepAlive === null) return false;
  if (typeof keepAlive === "number") return keepAlive === 0;
  if (typeof keepAlive !== "string" || !goDuration.test(keepAlive))
    throw invalid(["keep_alive"], "must be a number of seconds, or a span such as 5m");
  return !/[1-9]/.test(keepAlive);
}
