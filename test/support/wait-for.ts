/**
 * Asks every 5 ms until the condition holds. The deadline should be about five times the expected figure.
 * @throws Error naming what was waited for.
 */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  what: string = String(condition),
): Promise<void> {
  const until = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`did not happen within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
