// Requests that are being answered: each has the signal that stops its work, whoever ends it first.
import type { ServerResponse } from "node:http";
import { PomonaError } from "@pomona/shared/core/errors";

/** The answers under way on one server. */
export class OpenAnswers {
  readonly #controllers = new Set<AbortController>();

  get count(): number {
    return this.#controllers.size;
  }

  /** The signal aborts as soon as the client has gone, or the server stops; its reason is a PomonaError. */
  start(response: ServerResponse): { readonly signal: AbortSignal; readonly release: () => void } {
    const controller = new AbortController();
    const onClose = (): void => {
      if (!response.writableFinished) controller.abort(new PomonaError("cancelled", "the client has gone"));
    };
    response.on("close", onClose);
    if (response.destroyed) onClose();
    this.#controllers.add(controller);
    return { signal: controller.signal, release: () => this.#controllers.delete(controller) };
  }

  /** Ends all of them with this error. */
  abortAll(error: PomonaError): void {
    for (const controller of this.#controllers) controller.abort(error);
  }
}
