/** How deep a body may be nested: whoever writes a part of it again, or compiles it, goes down as deep. */
const levelsMax = 256;

/** What is nested too deeply: a field of the body, or the body itself, ""; null for nothing. */
export function tooDeepField(body: unknown): string | null {
  if (typeof body !== "object" || body === null) return null;
  if (Array.isArray(body)) return isTooDeep(body) ? "" : null;
  return Object.entries(body).find(([, value]) => isTooDeep(value))?.[0] ?? null;
}

export function tooDeepReason(): string {
  return `is nested deeper than ${levelsMax} levels`;
}

/** Level by level, so that depth costs no stack. */
function isTooDeep(value: unknown): boolean {
  let level: readonly object[] = isNested(value) ? [value] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > levelsMax) return true;
    level = level.flatMap((node) => Object.values(node).filter(isNested));
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
