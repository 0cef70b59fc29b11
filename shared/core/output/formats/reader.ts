import type { DeltaSink } from "../output-delta.ts";

/** Reads one part of an answer character by character: so no cut into chunks can change what it finds. */
export type Reader = {
  push(character: string): void;
  /** Nothing more comes: what was held back is what it is. */
  finish(): void;
  /** Whether what was read last is a thought, or stands around one: nothing of it becomes text. False where it is absent. */
  readonly isThinking?: boolean;
};

/** Where an answer begins: anywhere, in thoughts that the prompt has opened, or in text that it has begun. */
export type AnswerStart = "start" | "reasoning" | "text";

export type ReaderParts = {
  readonly sink: DeltaSink;
  /** Tools that may be called: a call of any other is text. */
  readonly toolNames: ReadonlySet<string>;
  /** Of each tool, the parameters whose values are texts; those of other tools are not known. */
  readonly textParameters: ReadonlyMap<string, ReadonlySet<string>>;
};

/** Nothing but text. */
export function textReader({ sink }: ReaderParts): Reader {
  return { push: (character) => sink.text(character), finish: () => undefined };
}
