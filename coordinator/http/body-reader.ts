// Takes bodies in: looked at as they come, each in one piece, and held no longer than they are needed.
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { PomonaError } from "@pomona/shared/core/errors";
import type { TenantId } from "@pomona/shared/core/ids";
import { BodyRoom } from "./body-room.ts";
import { type Excess, JsonScan } from "./json-scan.ts";
import type { HttpLimits } from "./limits.ts";

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
    const body = new HeldBody({ bytesMax: this.#limits.bodyBytesMax, room: this.#room, tenant });
    try {
      await this.#receive(payload, body);
      return await use(body.bytes);
    } finally {
      body.release();
    }
  }

  async #receive(payload: IncomingMessage, body: HeldBody): Promise<void> {
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
      const told = payload.headers["content-length"];
      attempt(() => body.expect(told === undefined ? null : Number(told)));
      payload.on("data", (chunk: Buffer) => attempt(() => body.add(chunk)));
      finished(payload, { writable: false }, (error) => (error == null ? resolve() : reject(brokenOff())));
    }).finally(() => clearTimeout(late));
    if (refusal !== null) throw (refusal as { readonly error: unknown }).error;
  }
}

/** Bytes that are held at first for a body that may become larger. */
const firstBytes = 64 * 1024;

type HeldBodyOptions = { readonly bytesMax: number; readonly room: BodyRoom; readonly tenant: TenantId };

/** One piece that grows: a list of pieces costs a hundred bytes for each, and there may be millions of one byte. */
class HeldBody {
  readonly #options: HeldBodyOptions;
  readonly #scan = new JsonScan();
  #piece = Buffer.alloc(0);
  #length = 0;
  #expected: number | null = null;

  constructor(options: HeldBodyOptions) {
    this.#options = options;
  }

  get bytes(): Buffer {
    return this.#piece.subarray(0, this.#length);
  }

  /** The length that the client has told; null for none. */
  expect(length: number | null): void {
    this.#expected = length;
    this.#checkLength(length ?? 0);
  }

  add(chunk: Buffer): void {
    const length = this.#length + chunk.length;
    this.#checkLength(length);
    if (length > this.#piece.length) this.#grow(length);
    chunk.copy(this.#piece, this.#length);
    const excess = this.#scan.take(this.#piece, this.#length, length);
    if (excess !== null) throw tooMuch(excess);
    this.#length = length;
  }

  /** May come twice. */
  release(): void {
    this.#options.room.giveBack(this.#options.tenant, this.#piece.length);
    this.#piece = Buffer.alloc(0);
    this.#length = 0;
  }

  #checkLength(length: number): void {
    const { bytesMax } = this.#options;
    if (length > bytesMax)
      throw new PomonaError("payload_too_large", `the body is larger than ${bytesMax} bytes, the most taken here`);
  }

  /** A length that is only told is nothing to hold memory for. */
  #grow(length: number): void {
    const { bytesMax, room, tenant } = this.#options;
    const expected = Math.max(length, Math.min(this.#expected ?? firstBytes, firstBytes));
    const size = Math.min(Math.max(expected, 2 * this.#piece.length), this.#expected ?? bytesMax, bytesMax);
    room.take(tenant, size - this.#piece.length);
    const larger = Buffer.allocUnsafe(size);
    this.#piece.copy(larger, 0, 0, this.#length);
    this.#piece = larger;
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
