// Why an engine refuses to fill a gap.
import { PomonaError } from "@pomona/shared/core/errors";

/** Coordinators say so with the model's name as soon as they know its file. */
export function unableToInfill(): PomonaError {
  const message = "suffix cannot be honoured: the model's file names no tokens for a gap between two texts";
  return new PomonaError("invalid_request", message, { field: "suffix" });
}
