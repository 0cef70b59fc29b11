// Calls whose name and arguments stand in tags, each argument as a text of its own.
// - Qwen3-Coder, Qwen 3.5, Nemotron 3: <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>,
//   some without the outer tags (the chat template of Qwen/Qwen3-Coder-30B-A3B-Instruct); Seed-OSS has <seed:tool_call>.
// - GLM 4.5 to 4.7: <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>
//   (the chat template of zai-org/GLM-4.6).
// - MiniMax M2: <minimax:tool_call><invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>
//   </minimax:tool_call> (the chat template of MiniMaxAI/MiniMax-M2).
import { MarkerMatcher } from "../marker-matcher.ts";
import type { Reader, ReaderParts } from "./reader.ts";
import { TaggedValue } from "./tagged-value.ts";

export type TaggedCallsOptions = {
  readonly block: readonly [begin: string, end: string];
  /** Around the name; null where it stands between the beginning of the block and the first key. */
  readonly name: readonly [begin: string, end: string] | null;
  readonly callEnd: string;
  readonly key: readonly [begin: string, end: string];
  /** The value begins with the end of its key where it has no beginning of its own. */
  readonly value: readonly [begin: string | null, end: string];
  /** Values stand on lines of their own: one line break before and one after belong to the tags. */
  readonly isValueOnLines: boolean;
};

const functionTags = {
  name: ["<function=", ">"],
  callEnd: "</function>",
  key: ["<parameter=", ">"],
  value: [null, "</parameter>"],
} as const satisfies Partial<TaggedCallsOptions>;

export const taggedFormats = {
  qwenCoder: { ...functionTags, block: ["<tool_call>", "</tool_call>"], isValueOnLines: true },
  seed: { ...functionTags, block: ["<seed:tool_call>", "</seed:tool_call>"], isValueOnLines: false },
  glm: {
    block: ["<tool_call>", "</tool_call>"],
    name: null,
    callEnd: "</tool_call>",
    key: ["<arg_key>", "</arg_key>"],
    value: ["<arg_value>", "</arg_value>"],
    isValueOnLines: false,
  },
  minimax: {
    block: ["<minimax:tool_call>", "</minimax:tool_call>"],
    name: ['<invoke name="', '">'],
    callEnd: "</invoke>",
    key: ['<parameter name="', '">'],
    value: [null, "</parameter>"],
    isValueOnLines: false,
  },
} as const satisfies Record<string, TaggedCallsOptions>;

/** Markers of the formats. */
export const taggedMarkers: readonly string[] = Object.values(taggedFormats).flatMap(
  ({ block, callEnd, key, value }: TaggedCallsOptions) => [...block, callEnd, ...key, ...value].filter(isTag),
);

/** Not the end of a name or of a key, which is no token of its own. */
function isTag(text: string | null): text is string {
  return text !== null && /^<.*>$/.test(text);
}

type State = "text" | "block" | "name" | "call" | "key" | "gap" | "value" | "after";

/** Longest name or key. */
const nameLengthMax = 256;
/** Most space that is held back before a name. */
const heldLengthMax = 1024;

export class TaggedCallsReader implements Reader {
  readonly #parts: ReaderParts;
  readonly #options: TaggedCallsOptions;
  #state: State = "text";
  #markers: MarkerMatcher;
  /** All that was read since the text before a call: what it is if it turns out to be no call. */
  #raw = "";
  /** The name or key that is being read. */
  #word = "";
  /** Parameters of the call whose values are texts. */
  #texts: ReadonlySet<string> = new Set();
  #hasCall = false;
  #hasArguments = false;
  #value: TaggedValue | null = null;

  constructor(parts: ReaderParts, options: TaggedCallsOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#markers = this.#markersOf("text");
  }

  push(character: string): void {
    const { text, marker } = this.#markers.push(character);
    let taken = 0;
    for (const part of text) {
      if (!this.#take(part)) {
        this.#giveUp(text.slice(taken) + (marker ?? this.#markers.finish()));
        return;
      }
      taken += part.length;
    }
    if (marker !== null) this.#at(marker);
  }

  finish(): void {
    const held = this.#markers.finish();
    if (this.#state === "after" && held === "") return;
    if (this.#state === "value") for (const part of held) this.#take(part);
    // What begins a tag of a call that is cut off is no text.
    this.#giveUp(this.#hasCall ? "" : held);
    this.#parts.sink.text(this.#markers.finish());
  }

  #enter(state: State): void {
    this.#state = state;
    this.#word = "";
    this.#markers = this.#markersOf(state);
  }

  #markersOf(state: State): MarkerMatcher {
    const { block, name, callEnd, key, value } = this.#options;
    const markers: Readonly<Record<State, readonly (string | null | undefined)[]>> = {
      text: [block[0], name?.[0]],
      block: [name?.[0]],
      name: name === null ? [key[0], callEnd] : [name[1]],
      call: [key[0], callEnd, block[1]],
      key: [key[1]],
      gap: [value[0]],
      value: [value[1]],
      after: [block[0], name?.[0], block[1]],
    };
    return new MarkerMatcher([...new Set(markers[state].filter((marker) => typeof marker === "string"))]);
  }

  /** Whether a character that is no marker may stand here. */
  #take(character: string): boolean {
    switch (this.#state) {
      case "text":
        this.#parts.sink.text(character);
        return true;
      case "value":
        this.#value?.push(character);
        return true;
      case "name":
      case "key":
        if (this.#word.length >= nameLengthMax) return false;
        this.#word += character;
        if (!this.#hasCall) this.#raw += character;
        return true;
      default:
        if (!/\s/.test(character) || this.#raw.length > heldLengthMax) return false;
        if (this.#state === "block") this.#raw += character;
        return true;
    }
  }

  #at(marker: string): void {
    const { block, name, value } = this.#options;
    switch (this.#state) {
      case "text":
      case "block":
      case "after":
        if (this.#state === "after" && marker === block[1]) return;
        this.#raw = this.#state === "block" ? this.#raw + marker : marker;
        this.#enter(marker === block[0] && name !== null ? "block" : "name");
        return;
      case "name":
        this.#atNameEnd(marker);
        return;
      case "key":
        this.#beginValue(this.#word.trim());
        this.#enter(value[0] === null ? "value" : "gap");
        return;
      case "gap":
        this.#enter("value");
        return;
      case "value":
        this.#value?.finish();
        this.#value = null;
        this.#enter("call");
        return;
      case "call":
        this.#inCall(marker);
        return;
    }
  }

  #atNameEnd(marker: string): void {
    const name = this.#word.trim();
    if (!this.#parts.toolNames.has(name)) {
      this.#giveUp(marker);
      return;
    }
    this.#parts.sink.beginCall(name);
    this.#parts.sink.callArguments("{");
    this.#raw = "";
    this.#texts = this.#parts.textParameters.get(name) ?? new Set();
    this.#hasCall = true;
    this.#hasArguments = false;
    this.#enter("call");
    if (this.#options.name === null) this.#inCall(marker);
  }

  #inCall(marker: string): void {
    if (marker === this.#options.key[0]) {
      this.#enter("key");
      return;
    }
    this.#parts.sink.callArguments("}");
    this.#parts.sink.endCall(true);
    this.#hasCall = false;
    this.#enter("after");
  }

  #writeKey(key: string): void {
    this.#parts.sink.callArguments(`${this.#hasArguments ? ", " : ""}${key}`);
    this.#hasArguments = true;
  }

  #beginValue(key: string): void {
    this.#writeKey(`${JSON.stringify(key)}: `);
    this.#value = new TaggedValue({
      isText: this.#texts.has(key),
      isOnLines: this.#options.isValueOnLines,
      write: (text) => this.#parts.sink.callArguments(text),
    });
  }

  /** A call that has begun is cut off where it stands; all that was held back is text, and so is what follows. */
  #giveUp(following: string): void {
    if (this.#state === "key") this.#writeKey(JSON.stringify(this.#word).slice(0, -1));
    this.#value?.cutOff();
    if (this.#hasCall) this.#parts.sink.endCall(false);
    this.#hasCall = false;
    this.#value = null;
    this.#parts.sink.text(this.#raw);
    this.#raw = "";
    this.#enter("text");
    for (const character of following) this.push(character);
  }
}
