// What a row of the table of faults is, and what it comes to.
import type { LoadSize, LoadSummary } from "./load.ts";
import type { Memory } from "./pool-process.ts";

export type RowSettings = LoadSize & {
  /** Times and counts that a row makes shorter where tests of every change run it. */
  readonly isSlice: boolean;
};

/** A number that has a limit. */
export type Figure = {
  readonly name: string;
  /** null when what was waited for never happened; JSON has no infinity. */
  readonly measured: number | null;
  readonly limit: number;
  readonly unit: "ms" | "MB" | "%" | "";
};

export type RowOutcome = {
  readonly kind: "ran";
  readonly load: LoadSummary;
  readonly moves: number;
  readonly figures: readonly Figure[];
  /** That the fault really happened, and what else was seen, in short sentences. */
  readonly facts: readonly string[];
  /** What had to hold and did not. */
  readonly broken: readonly string[];
};

export type RowSkipped = { readonly kind: "skipped"; readonly reason: string };

export type Row = {
  /** Of the table in docs/chaos.md. */
  readonly number: number;
  readonly title: string;
  run(settings: RowSettings): Promise<RowOutcome | RowSkipped>;
};

/** @throws Error when there is no row of that number. */
export function rowOf(rows: readonly Row[], number: number): Row {
  const row = rows.find((each) => each.number === number);
  if (row === undefined) throw new Error(`there is no row ${number}`);
  return row;
}

export type MemoryGrowth = {
  readonly before: Memory;
  readonly after: Memory;
  readonly count: number;
  readonly limitMb: number;
};

/** Collects what a row sees. */
export class RowNotes {
  readonly figures: Figure[] = [];
  readonly facts: string[] = [];
  readonly broken: string[] = [];

  /** Milliseconds; Infinity for what never happened. */
  time(name: string, measured: number, limit: number): void {
    this.figure({ name, measured, limit, unit: "ms" });
  }

  figure({ measured, ...figure }: Figure & { readonly measured: number }): void {
    this.figures.push({ ...figure, measured: Number.isFinite(measured) ? Math.round(measured * 10) / 10 : null });
  }

  /** A sentence that says what was seen. */
  fact(sentence: string): void {
    this.facts.push(sentence);
  }

  /** What has to hold, the fault itself included. */
  must(isTrue: boolean, sentence: string): void {
    (isTrue ? this.facts : this.broken).push(isTrue ? sentence : `NOT: ${sentence}`);
  }

  /** How much more a process holds, for each of `count`; what it takes beside that is told, and has no limit. */
  memory(name: string, { before, after, count, limitMb }: MemoryGrowth): void {
    const grownMb = (of: keyof Memory): number => (after[of] - before[of]) / count / 1e6;
    this.figure({ name, measured: grownMb("heldBytes"), limit: limitMb, unit: "MB" });
    this.fact(`with what is not collected yet it is ${grownMb("residentBytes").toFixed(1)} MB`);
  }

  /** No stream failed and no text is wrong. */
  mustBeExact({ streams, failed, wrong, errors }: LoadSummary): void {
    if (failed === 0 && wrong === 0) return;
    this.broken.push(`${failed} failed and ${wrong} wrong of ${streams}: ${JSON.stringify(errors)}`);
  }

  outcome(load: LoadSummary, moves: number): RowOutcome {
    return { kind: "ran", load, moves, figures: this.figures, facts: this.facts, broken: this.broken };
  }
}
