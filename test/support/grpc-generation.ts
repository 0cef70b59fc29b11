// One gRPC client of Inference that keeps what it has got, by Generate or Attach.
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import type { InferenceGenerateRequest } from "@pomona/proto/generated/pomona/v1/InferenceGenerateRequest";
import type { InferenceGenerateResponse__Output } from "@pomona/proto/generated/pomona/v1/InferenceGenerateResponse";
import { createInferenceClient } from "@pomona/shared/grpc/client";
import { fromServiceError } from "@pomona/shared/grpc/status";

export type GrpcRequest = InferenceGenerateRequest & { readonly key?: string };

export class GrpcGeneration {
  text = "";
  requestId = "";
  /** Of the last token that it has. */
  lastIndex = -1;
  readonly endings: string[] = [];
  /** When text came. */
  readonly textAtMs: number[] = [];
  /** Of the calls that failed. */
  readonly errors: string[] = [];

  /** Resolves when the call has ended, with whether it ended well. */
  generate(address: string, { key, ...request }: GrpcRequest): Promise<boolean> {
    const metadata = new Metadata();
    if (key !== undefined) metadata.set("idempotency-key", key);
    const client = createInferenceClient(address);
    const call = client.generate(request, metadata);
    call.on("data", (response: InferenceGenerateResponse__Output) => this.#take(response));
    return this.#ended(call, () => client.close());
  }

  /** Goes on after the last token that it has. */
  attach(address: string): Promise<boolean> {
    const client = createInferenceClient(address);
    const call = client.attach({ requestId: this.requestId, fromIndex: this.lastIndex + 1 });
    call.on("data", (message: { readonly response: InferenceGenerateResponse__Output | null }) => {
      if (message.response !== null) this.#take(message.response);
    });
    return this.#ended(call, () => client.close());
  }

  #ended(call: NodeJS.EventEmitter, close: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isWell: boolean): void => {
        close();
        resolve(isWell);
      };
      call.on("end", () => settle(true));
      call.on("error", (error: ServiceError) => {
        this.errors.push(fromServiceError(error).code);
        settle(false);
      });
    });
  }

  #take({ bound, text, ending }: InferenceGenerateResponse__Output): void {
    if (bound != null) this.requestId = bound.requestId;
    if (ending != null) this.endings.push(ending.reason);
    if (text == null) return;
    this.text += text.text;
    this.lastIndex = text.lastIndex;
    this.textAtMs.push(performance.now());
  }
}
