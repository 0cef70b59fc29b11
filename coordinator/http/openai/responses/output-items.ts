// Makes items of an answer's parts, and says each step as an event.
import type { RequestId } from "@pomona/shared/core/ids";
import type { OutputDelta } from "@pomona/shared/core/output/output-delta";
import { callId } from "../../../call-id.ts";
import type { LoggedToken } from "../../../core/generation-request.ts";
import { loggedTokenOf } from "../answer.ts";
import { type ContentPart, type Item, type ItemStatus, opaqueThoughts, outputItemId, type Phase } from "./item.ts";
import type { ResponseSettings } from "./response-object.ts";

/** An event without its number. */
export type Step = { readonly type: string } & Readonly<Record<string, unknown>>;

type ItemSettings = Pick<ResponseSettings, "sendsOpaqueThoughts" | "thoughtsAreSummary" | "namespaced">;

/** The item that grows. */
type OpenItem =
  | { readonly kind: "message"; text: string; readonly logprobs: object[] }
  | OpenThoughts
  | { readonly kind: "call"; readonly index: number; readonly name: string; text: string };

type OpenThoughts = { readonly kind: "reasoning" | "summary"; text: string };

/** The items of one answer: each begins when the one before it has ended. */
export class OutputItems {
  readonly #requestId: RequestId;
  readonly #settings: ItemSettings;
  readonly #done: Item[] = [];
  #open: OpenItem | null = null;
  /** Space that is nothing unless a message follows: models divide their parts by it. */
  #space: { text: string; logprobs: object[] } = { text: "", logprobs: [] };

  constructor(requestId: RequestId, settings: ItemSettings) {
    this.#requestId = requestId;
    this.#settings = settings;
  }

  get done(): readonly Item[] {
    return this.#done;
  }

  push(delta: OutputDelta, tokens: readonly LoggedToken[] | null): readonly Step[] {
    switch (delta.kind) {
      case "text":
        return this.#pushText(delta.text, (tokens ?? []).map(loggedTokenOf));
      case "reasoning":
        return this.#pushReasoning(delta.text);
      case "toolCallBegin":
        return this.#begin({ kind: "call", index: delta.index, name: delta.name, text: "" });
      case "toolCallArguments":
        return this.#pushArguments(delta.text);
      case "toolCallEnd":
        // Whether one that is not whole was cut off is known at the end: an incomplete item is the last of an incomplete response.
        return delta.isComplete ? this.#close("completed", "commentary") : [];
    }
  }

  /** The answer is over. One that says nothing at all is an empty message. */
  end(status: ItemStatus): readonly Step[] {
    const isEmpty = this.#open === null && this.#done.length === 0;
    return [...(isEmpty ? this.#pushMessage() : []), ...this.#close(status, "final_answer")];
  }

  /** The answer broke off. */
  cut(): readonly Step[] {
    return this.#close("incomplete", "commentary");
  }

  #pushText(text: string, logprobs: readonly object[]): readonly Step[] {
    this.#space.text += text;
    this.#space.logprobs.push(...logprobs);
    return this.#open?.kind === "message" || /\S/.test(text) ? this.#pushMessage() : [];
  }

  /** What was held back goes into the message that is open, or begins now. */
  #pushMessage(): readonly Step[] {
    const { text: delta, logprobs } = this.#space;
    const steps = this.#open?.kind === "message" ? [] : this.#begin(emptyMessage());
    this.#space = { text: "", logprobs: [] };
    if (this.#open?.kind !== "message" || delta === "") return steps;
    this.#open.text += delta;
    this.#open.logprobs.push(...logprobs);
    return [...steps, { type: "response.output_text.delta", ...this.#partOf(this.#open), delta, logprobs }];
  }

  #pushReasoning(delta: string): readonly Step[] {
    const kind = this.#settings.thoughtsAreSummary ? "summary" : "reasoning";
    const open: OpenThoughts = this.#open?.kind === kind ? this.#open : { kind, text: "" };
    const steps = open === this.#open ? [] : this.#begin(open);
    open.text += delta;
    return [...steps, { type: `response.${partNames[kind].text}.delta`, ...this.#partOf(open), delta }];
  }

  #pushArguments(delta: string): readonly Step[] {
    if (this.#open?.kind !== "call" || delta === "") return [];
    this.#open.text += delta;
    return [{ type: "response.function_call_arguments.delta", ...this.#place, delta }];
  }

  #begin(open: OpenItem): readonly Step[] {
    // What is followed by something else was no answer yet.
    const before = this.#close("completed", "commentary");
    this.#space = { text: "", logprobs: [] };
    this.#open = open;
    const item = this.#itemOf(open, "in_progress", null);
    const added = { type: "response.output_item.added", output_index: this.#index, item };
    if (open.kind === "call") return [...before, added];
    const part = partOf({ ...open, text: "" });
    return [...before, added, { type: `response.${partNames[open.kind].part}.added`, ...this.#partOf(open), part }];
  }

  #close(status: ItemStatus, phase: Phase): readonly Step[] {
    const open = this.#open;
    if (open === null) return [];
    const item = this.#itemOf(open, status, phase);
    const steps = [...this.#ends(open), { type: "response.output_item.done", output_index: this.#index, item }];
    this.#done.push(item);
    this.#open = null;
    return steps;
  }

  #ends(open: OpenItem): readonly Step[] {
    const { text } = open;
    if (open.kind === "call") {
      const { name } = this.#namesOf(open);
      return [{ type: "response.function_call_arguments.done", ...this.#place, name, arguments: text }];
    }
    const names = partNames[open.kind];
    const place = this.#partOf(open);
    const logprobs = open.kind === "message" ? { logprobs: open.logprobs } : {};
    return [
      { type: `response.${names.text}.done`, ...place, text, ...logprobs },
      { type: `response.${names.part}.done`, ...place, part: partOf(open) },
    ];
  }

  get #index(): number {
    return this.#done.length;
  }

  get #place() {
    const type = this.#open === null ? "message" : itemTypes[this.#open.kind];
    return { item_id: outputItemId(type, this.#requestId, this.#index), output_index: this.#index };
  }

  /** Each item has one part. */
  #partOf({ kind }: OpenPart) {
    return { ...this.#place, [partNames[kind].index]: 0 };
  }

  /** As the client has named the function, which the model knows by one name. */
  #namesOf({ name }: { readonly name: string }): { readonly name: string; readonly namespace?: string } {
    return this.#settings.namespaced.get(name) ?? { name };
  }

  /** With a phase it is whole, without one it has just begun. */
  #itemOf(open: OpenItem, status: ItemStatus, phase: Phase | null): Item {
    const head = { id: outputItemId(itemTypes[open.kind], this.#requestId, this.#index), status };
    switch (open.kind) {
      case "message": {
        const content = phase === null ? [] : [messagePart(open)];
        return { type: "message", ...head, role: "assistant", ...(phase === null ? {} : { phase }), content };
      }
      case "call":
        return {
          type: "function_call",
          ...head,
          call_id: callId(this.#requestId, open.index),
          ...this.#namesOf(open),
          arguments: open.text,
        };
      case "reasoning":
      case "summary": {
        const isSummary = open.kind === "summary";
        const opaque = this.#settings.sendsOpaqueThoughts && phase !== null ? opaqueThoughts(open.text) : null;
        return {
          type: "reasoning",
          ...head,
          summary: phase === null || !isSummary ? [] : [{ type: "summary_text", text: open.text }],
          content: phase === null || isSummary ? [] : [{ type: "reasoning_text", text: open.text }],
          ...(opaque === null ? {} : { encrypted_content: opaque }),
        };
      }
    }
  }
}

const itemTypes = { message: "message", reasoning: "reasoning", summary: "reasoning", call: "function_call" } as const;

type OpenPart = Exclude<OpenItem, { kind: "call" }>;

/** What the events of a part are called, and what they call its place in its item. */
const partNames = {
  message: { part: "content_part", text: "output_text", index: "content_index" },
  reasoning: { part: "content_part", text: "reasoning_text", index: "content_index" },
  summary: { part: "reasoning_summary_part", text: "reasoning_summary_text", index: "summary_index" },
} as const;

function emptyMessage(): OpenItem {
  return { kind: "message", text: "", logprobs: [] };
}

function partOf(open: OpenPart): object {
  if (open.kind === "message") return messagePart(open);
  return { type: open.kind === "summary" ? "summary_text" : "reasoning_text", text: open.text };
}

function messagePart({ text, logprobs }: Extract<OpenItem, { kind: "message" }>): ContentPart {
  return { type: "output_text", text, annotations: [], logprobs: [...logprobs] };
}
