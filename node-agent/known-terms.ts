// Which terms of coordinators this node has heard of, kept over its restarts.
import type { Logger } from "@pomona/shared/runtime/logger";
import { readTextIfPresent, writeFileAtomically } from "@pomona/shared/runtime/state-directory";
import { z } from "zod";
import { type CoordinatorTerms, clustersMax, withTerm } from "./core/coordinator-terms.ts";

const termsSchema = z.array(z.tuple([z.string().max(32), z.number().int().min(0)])).max(clustersMax);

export class KnownTerms {
  readonly #path: string;
  readonly #log: Logger;
  #terms: CoordinatorTerms;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#terms = this.#read();
  }

  /** Takes in the term of a call. Returns the highest that was heard of its cluster. */
  note({ cluster, term }: { readonly cluster: string; readonly term: number }): number {
    const terms = withTerm(this.#terms, cluster, term);
    if (terms !== this.#terms) {
      this.#terms = terms;
      this.#write();
    }
    return terms.get(cluster) ?? term;
  }

  #read(): CoordinatorTerms {
    try {
      return new Map(termsSchema.parse(JSON.parse(readTextIfPresent(this.#path) ?? "[]")));
    } catch (error) {
      this.#log.warn({ path: this.#path, err: error }, "the terms that were known cannot be read");
      return new Map();
    }
  }

  #write(): void {
    try {
      writeFileAtomically(this.#path, `${JSON.stringify([...this.#terms])}\n`);
    } catch (error) {
      this.#log.warn({ path: this.#path, err: error }, "a coordinator's term cannot be kept");
    }
  }
}
