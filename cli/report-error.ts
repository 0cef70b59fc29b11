import { toPomonaError } from "@pomona/shared/core/errors";
import { exitCodeOf } from "./exit-codes.ts";

/** Says an error in one line on stderr, without a stack. A bug shows its stack when POMONA_DEBUG is set. */
export function reportError(thrown: unknown): { readonly message: string; readonly exitCode: number } {
  const error = toPomonaError(thrown);
  process.stderr.write(`pomona: ${error.message}\n`);
  if (error.code === "internal" && process.env["POMONA_DEBUG"] !== undefined) process.stderr.write(`${error.stack}\n`);
  return { message: error.message, exitCode: exitCodeOf(error) };
}
