// How an engine's process ended, in words that tell what to do about it.

/** Label of a death in metrics. `exit` is any exit code that names no signal, `other` any other signal. */
const deathReasons = [
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGINT",
  "SIGKILL",
  "SIGSEGV",
  "SIGTERM",
  "other",
  "exit",
  "unknown",
] as const;

export type DeathReason = (typeof deathReasons)[number];
export type EngineDeath = { readonly reason: DeathReason; readonly words: string };

const words: Readonly<Record<string, string>> = {
  SIGBUS: "its model file was cut short or its disk vanished while it was mapped (SIGBUS)",
  SIGSEGV: "the engine read memory that is not its own (SIGSEGV)",
  SIGABRT: "the engine gave up on an inner check (SIGABRT)",
  SIGKILL: "it was killed, by the system for want of memory or by somebody (SIGKILL)",
  SIGILL: "this processor lacks an instruction that the engine was built for (SIGILL)",
  SIGFPE: "the engine divided by zero (SIGFPE)",
  SIGTERM: "somebody asked it to end (SIGTERM)",
  SIGINT: "it was interrupted from the keyboard (SIGINT)",
};

/** What a process reports of its end: one of the two is set. */
export type ProcessEnd = { readonly exitCode: number | null; readonly signal: string | null };

/** Exit codes by which a shell or a runtime tells of signal n: 128 + n. */
const signalExitCodes = { first: 129, last: 165 } as const;

/** @param signalNumbers the numbers of this system's signals: SIGBUS is 7 on Linux and 10 on macOS. */
export function deathBy(end: ProcessEnd, signalNumbers: Readonly<Record<string, number>>): EngineDeath {
  const signal = end.signal ?? signalOfExitCode(end.exitCode, signalNumbers);
  if (signal === null) return { reason: "exit", words: `it ended by itself with exit code ${end.exitCode}` };
  const reason = deathReasons.find((known) => known === signal) ?? "other";
  return { reason, words: words[signal] ?? `it was ended by ${signal}` };
}

function signalOfExitCode(code: number | null, signalNumbers: Readonly<Record<string, number>>): string | null {
  if (code === null || code < signalExitCodes.first || code > signalExitCodes.last) return null;
  const number = code - 128;
  return Object.entries(signalNumbers).find(([, known]) => known === number)?.[0] ?? `signal ${number}`;
}

/** The reason that an engine's last error carries as its cause; `unknown` for engines that do not tell. */
export function deathReasonOf(cause: unknown): DeathReason {
  if (typeof cause !== "object" || cause === null || !("reason" in cause)) return "unknown";
  return deathReasons.find((known) => known === cause.reason) ?? "unknown";
}
