// A server stream as an async iterable: read as fast as it is taken, and cancelled when its reader leaves.
import type { Client } from "@grpc/grpc-js";
import { type ClientMethod, readStream, type StreamCall } from "./client.ts";

/** Messages that may wait for their reader; then no more is read. */
const aheadMax = 64;

/** @throws PomonaError as `readStream`. */
export async function* readMessages<Request, Response>(
  client: Client,
  method: ClientMethod<Request, Response>,
  { signal, ...call }: Omit<StreamCall<NoInfer<Request>, Response>, "onMessage">,
): AsyncGenerator<Response, void, void> {
  const left = new AbortController();
  const waiting: Response[] = [];
  let wake = (): void => undefined;
  let goOn = (): void => undefined;
  let ended: { readonly error: unknown } | null = null;
  const onMessage = (message: Response): Promise<void> | undefined => {
    waiting.push(message);
    wake();
    if (waiting.length < aheadMax) return undefined;
    return new Promise((resolve) => {
      goOn = resolve;
    });
  };
  const whole = { ...call, signal: AbortSignal.any([signal, left.signal]), onMessage };
  const reading = readStream(client, method, whole as StreamCall<NoInfer<Request>, NoInfer<Response>>)
    .then(
      () => ({ error: null }),
      (error: unknown) => ({ error }),
    )
    .then((end) => {
      ended = end;
      wake();
    });
  try {
    for (;;) {
      const message = waiting.shift();
      if (message !== undefined) {
        if (waiting.length === 0) goOn();
        yield message;
      } else if (ended === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        // Assigned in a callback, which the compiler does not see.
        const { error } = ended as { readonly error: unknown };
        if (error !== null) throw error;
        return;
      }
    }
  } finally {
    left.abort();
    goOn();
    await reading;
  }
}
