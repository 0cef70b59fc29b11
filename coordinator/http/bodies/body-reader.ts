// Takes bodies in: looked at as they come, each in one piece, and held no longer than they are needed.
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { PomonaError } from "@pomona/shared/core/errors";
import type { TenantId } from "@pomona/shared/core/ids";
import type { HttpLimits } from "../limits.ts";
import { BodyRoom } from "./body-room.ts";
import { GrowingBuffer, lengthTold } from "./growing-buffer.ts";
import { type Excess, JsonScan } from "./json-scan.ts";

export type BodyReaderLimits = Pick<HttpLimits, "bodyBytesMax" | "bodiesBytesMax" | "refusedBodyMs">;

export class BodyReader {
  readonly #limits: BodyReaderLimits;
  readonly #room: BodyRoom;

  constructor(limits: BodyReaderLimits) {
    this.#limits = limits;
    this.#room = new BodyRoom(limits.bodiesBytesMax);
  }

  /**
   * Gives the whole body to `use`, and holds it until that has ended. What is left of a body that is refused is read and thrown
   * away, because most clients listen only when they have sent all of it.
   * @throws PomonaError `payload_too_large`; `invalid_request` for what would cost too much to parse, and a body that breaks
   * off; `connections_full`; and what `use` throws.
   */
  async read<Value>(payload: IncomingMessage, tenant: TenantId, use: (body: Buffer) => Promise<Value>): Promise<Value> {
    const expectedBytes = lengthTold(payload);
    const body = new HeldBody({ bytesMax: this.#limits.bodyBytesMax, room: this.#room, tenant, expectedBytes });
    try {
      await this.#receive(payload, body, expectedBytes ?? 0);
      return await use(body.bytes);
    } finally {
      body.release();
    }
  }

  async #receive(payload: IncomingMessage, body: HeldBody, expectedBytes: number): Promise<void> {
    let refusal: { readonly error: unknown } | null = null;
    let late: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const attempt = (step: () => void): void => {
        if (refusal !== null) return;
        try {
          step();
        } catch (error) {
          refusal = { error };
          body.release();
          late = setTimeout(resolve, this.#limits.refusedBodyMs);
        }
      };
      attempt(() => body.checkLength(expectedBytes));
      payload.on("data", (chunk: Buffer) => attempt(() => body.add(chunk)));
      finished(payload, { writable: false }, (error) => (error == null ? resolve() : reject(brokenOff())));
    }).finally(() => clearTimeout(late));
    if (refusal !== null) throw (refusal as { readonly error: unknown }).error;
  }
}

type HeldBodyOptions = {
  readonly bytesMax: number;
  readonly room: BodyRoom;
  readonly tenant: TenantId;
  /** What the client has told of its length; null for nothing. */
  readonly expectedBytes: number | null;
};

/** A body as far as it has come. */
class HeldBody {
  readonly #options: HeldBodyOptions;
  readonly #scan = new JsonScan();
  readonly #held: GrowingBuffer;
  #length = 0;

  constructor(options: HeldBodyOptions) {
    const { bytesMax, expectedBytes, room, tenant } = options;
    const beforeGrowth = (bytes: number): void => room.take(tenant, bytes);
    this.#options = options;
    this.#held = new GrowingBuffer({ bytesMax, expectedBytes, beforeGrowth });
  }

  get bytes(): Buffer {
    return this.#held.bytes;
  }

  /** @throws PomonaError `payload_too_large` */
  checkLength(length: number): void {
    const { bytesMax } = this.#options;
    if (length > bytesMax)
      throw new PomonaError("payload_too_large", `the body is larger than ${bytesMax} bytes, the most taken here`);
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    this.checkLength(length);
    this.#held.add(chunk);
    const excess = this.#scan.take(this.#held.bytes, this.#length, length);
    if (excess !== null) throw tooMuch(excess);
    this.#length = length;
  }

  /** May come twice. */
  release(): void {
    this.#options.room.giveBack(this.#options.tenant, this.#held.heldBytes);
    this.#held.clear();
  }
}

function tooMuch({ field, reason }: Excess): PomonaError {
  return field === ""
    ? new PomonaError("invalid_request", `the body ${reason}`)
    : new PomonaError("invalid_request", `${field} ${reason}`, { field });
}

function brokenOff(): PomonaError {
  return new PomonaError("invalid_request", "the body broke off before all of it had come");
}
