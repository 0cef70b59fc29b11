/** What an answer is made of, as far as it is known: the next piece of one of its parts. */
export type OutputDelta =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  /** Calls are counted from 0; their pieces never mix. */
  | { readonly kind: "toolCallBegin"; readonly index: number; readonly name: string }
  /** The next piece of the JSON text of the arguments, as the model wrote it. */
  | { readonly kind: "toolCallArguments"; readonly index: number; readonly text: string }
  /** `isComplete` is false when the answer ended in the middle of the arguments. */
  | { readonly kind: "toolCallEnd"; readonly index: number; readonly isComplete: boolean };

/** The visible text among parts. */
export function shownText(deltas: readonly OutputDelta[]): string {
  return textOfKind("text", deltas);
}

/** The thoughts among parts. */
export function thoughtText(deltas: readonly OutputDelta[]): string {
  return textOfKind("reasoning", deltas);
}

function textOfKind(kind: "text" | "reasoning", deltas: readonly OutputDelta[]): string {
  return deltas.map((delta) => (delta.kind === kind ? delta.text : "")).join("");
}

/** Adds the next piece; neighbours of the same part become one. */
export function appendDelta(deltas: OutputDelta[], next: OutputDelta): void {
  const last = deltas.at(-1);
  const isJoinable = last !== undefined && "text" in last && "text" in next && last.kind === next.kind;
  if (isJoinable) deltas[deltas.length - 1] = { ...next, text: last.text + next.text };
  else deltas.push(next);
}

/** Collects pieces and joins neighbours of the same part. */
export class DeltaSink {
  #deltas: OutputDelta[] = [];
  #calls = 0;

  text(text: string): void {
    if (text !== "") appendDelta(this.#deltas, { kind: "text", text });
  }

  reasoning(text: string): void {
    if (text !== "") appendDelta(this.#deltas, { kind: "reasoning", text });
  }

  beginCall(name: string): void {
    this.#deltas.push({ kind: "toolCallBegin", index: this.#calls, name });
  }

  /** A piece of the arguments of the call that began last. */
  callArguments(text: string): void {
    if (text !== "") appendDelta(this.#deltas, { kind: "toolCallArguments", index: this.#calls, text });
  }

  endCall(isComplete: boolean): void {
    this.#deltas.push({ kind: "toolCallEnd", index: this.#calls, isComplete });
    this.#calls += 1;
  }

  /** What was collected since the last time. */
  take(): OutputDelta[] {
    const deltas = this.#deltas;
    this.#deltas = [];
    return deltas;
  }
}
