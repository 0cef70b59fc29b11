import { PomonaError } from "@pomona/shared/core/errors";

/** What a source will say again when it is asked again, so that asking it is of no use. */
export class SourceRefusal extends PomonaError {
  override get isRetryable(): boolean {
    return false;
  }
}
