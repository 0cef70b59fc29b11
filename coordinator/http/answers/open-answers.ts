// Requests that are being answered: each has the signal that stops its work, whoever ends it first.
import type { ServerResponse } from "node:http";
import { PomonaError } from "@pomona/shared/core/errors";

/** The answers under way on one server. */
export class OpenAnswers {
  readonly #controllers = new Set<AbortController>();

  get count(): number {
    return this.#controllers.size;
  }

  /** Does the work of an answer. Its signal aborts as soon as the client has gone, or the server stops, with a PomonaError. */
  async during<Done>(response: ServerResponse, work: (signal: AbortSignal) => Promise<Done>): Promise<Done> {
    const { signal, release } = this.start(response);
    try {
      return await work(signal);
    } finally {
      release();
    }
  }

  /** The same for work whose end nobody waits for. */
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
