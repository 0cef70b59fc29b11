// The numbers of a GGUF header that decide how much memory a model needs, checked as they are read.
import { PomonaError } from "../errors.ts";
import type { GgufArray, GgufHeader, GgufMetadataValue } from "../gguf/reader.ts";

/** llama.cpp's LLAMA_MAX_LAYERS. */
export const layersMax = 512;
/** Any larger width, number of heads or number of experts is taken for damage. */
const countMax = 2 ** 20;

/** Keys are without the architecture in front, e.g. `attention.head_count`. */
export class HeaderFigures {
  readonly header: GgufHeader;
  /** `block_count`: all layers, those for predicting further tokens included. */
  readonly layers: number;
  /** `embedding_length`. */
  readonly width: number;

  /** @throws PomonaError `invalid_model` when the number of layers or the width is missing or absurd. */
  constructor(header: GgufHeader) {
    this.header = header;
    this.layers = this.required("block_count", layersMax);
    this.width = this.required("embedding_length");
  }

  get architecture(): string {
    return this.header.architecture;
  }

  /** `block_count` without the layers that predict further tokens (MTP), which the engine does not run. */
  get trunkLayers(): number {
    return this.layers - Math.min(this.layers, this.number("nextn_predict_layers") ?? 0);
  }

  /** @throws PomonaError `invalid_model` when it is missing or no number from 1 to `max`. */
  required(key: string, max = countMax): number {
    const value = this.number(key, max);
    if (value === null || value === 0) throw this.#invalid(key, value === null ? "missing" : "0");
    return value;
  }

  /** Null when it is absent. @throws PomonaError `invalid_model` when it is no number from 0 to `max`. */
  number(key: string, max = countMax): number | null {
    const value = this.#value(key);
    if (value === undefined) return null;
    if (isCount(value, max)) return value;
    throw this.#invalid(key, describe(value));
  }

  /** A figure that is one number for all layers or an array with one for each; null when it is absent. */
  perLayer(key: string): readonly number[] | null {
    const value = this.#value(key);
    if (value === undefined) return null;
    if (isArray(value)) {
      const numbers = value.numbers ?? [];
      if (numbers.length === this.layers && numbers.every((number) => isCount(number, countMax))) return numbers;
      throw this.#invalid(key, `an array of ${value.count}`);
    }
    if (!isCount(value, countMax)) throw this.#invalid(key, describe(value));
    return new Array<number>(this.layers).fill(value);
  }

  /** The largest of a figure that may differ from layer to layer; 0 when it is absent. */
  largest(key: string): number {
    return (this.perLayer(key) ?? []).reduce((most, value) => Math.max(most, value), 0);
  }

  /** Yes or no for each layer; null when it is no array. */
  flags(key: string): readonly boolean[] | null {
    const value = this.#value(key);
    return isArray(value) ? (value.numbers ?? []).map((number) => number !== 0) : null;
  }

  /** One number, also where other models have an array: then null. */
  scalar(key: string): number | null {
    return isArray(this.#value(key)) ? null : this.number(key);
  }

  #value(key: string): GgufMetadataValue | undefined {
    return this.header.metadata.get(`${this.architecture}.${key}`);
  }

  #invalid(key: string, found: string): PomonaError {
    const name = JSON.stringify(`${this.architecture.slice(0, 80)}.${key}`);
    return new PomonaError("invalid_model", `the GGUF file is not a model that can be loaded: ${name} is ${found}`);
  }
}

function isArray(value: GgufMetadataValue | undefined): value is GgufArray {
  return typeof value === "object" && value.kind === "array";
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max;
}

function describe(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : `a ${typeof value}`;
}
