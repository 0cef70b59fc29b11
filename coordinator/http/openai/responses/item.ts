// What a conversation is made of in the Responses API: the same objects go in, come out, and are kept.

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** Whether a message of the assistant is on the way to the answer, or is the answer. */
export type Phase = "commentary" | "final_answer";

export type ContentPart =
  | { readonly type: "input_text"; readonly text: string }
  | {
      readonly type: "output_text";
      readonly text: string;
      readonly annotations: readonly [];
      readonly logprobs: readonly object[];
    }
  | { readonly type: "refusal"; readonly refusal: string };

export type MessageItem = {
  readonly type: "message";
  readonly id: string;
  readonly status: ItemStatus;
  readonly role: "user" | "system" | "developer" | "assistant";
  readonly phase?: Phase;
  readonly content: readonly ContentPart[];
};

export type CallItem = {
  readonly type: "function_call";
  readonly id: string;
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly namespace?: string;
  readonly name: string;
  readonly arguments: string;
};

export type CallOutputItem = {
  readonly type: "function_call_output";
  readonly id: string;
  readonly status: ItemStatus;
  readonly call_id: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly output: string | readonly ContentPart[];
};

export type ReasoningItem = {
  readonly type: "reasoning";
  readonly id: string;
  readonly status: ItemStatus;
  readonly summary: readonly { readonly type: "summary_text"; readonly text: string }[];
  readonly content: readonly { readonly type: "reasoning_text"; readonly text: string }[];
  readonly encrypted_content?: string;
};

/** The id is empty where a client gave none. */
export type Item = MessageItem | CallItem | CallOutputItem | ReasoningItem;

const idPrefixes: Readonly<Record<Item["type"], string>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
};

/** The same on every coordinator that goes on with the request. */
export function outputItemId(type: Item["type"], requestId: string, index: number): string {
  return `${idPrefixes[type]}_${requestId}${hex(index)}`;
}

/** Gives ids to those that have none. */
export function withIds(items: readonly Item[], requestId: string): readonly Item[] {
  return items.map((item, index) =>
    item.id === "" ? { ...item, id: `${idPrefixes[item.type]}_${requestId}i${hex(index)}` } : item,
  );
}

function hex(index: number): string {
  return index.toString(16).padStart(4, "0");
}

/** The first of those that have the same id. */
export function byId(items: readonly Item[]): ReadonlyMap<string, Item> {
  const found = new Map<string, Item>();
  for (const item of items) if (!found.has(item.id)) found.set(item.id, item);
  return found;
}

/** The request that an id was made for; null for ids that clients made. */
export function requestOfItem(id: string): string | null {
  return /^[a-z]+_([0-9a-f]{32})i?[0-9a-f]{4,}$/.exec(id)?.[1] ?? null;
}

export function contentText(content: readonly ContentPart[]): string {
  return content.map((part) => (part.type === "refusal" ? part.refusal : part.text)).join("");
}

const opaquePrefix = "pomona1.";

/**
 * `encrypted_content`: thoughts in a form that clients send back as it is. Not secret, because the same thoughts stand
 * beside it; and readable by every coordinator, whoever made it.
 */
export function opaqueThoughts(thoughts: string): string {
  return opaquePrefix + Buffer.from(thoughts).toString("base64");
}

/** null for what this pool did not make. */
export function readThoughts(opaque: string): string | null {
  if (!opaque.startsWith(opaquePrefix)) return null;
  return Buffer.from(opaque.slice(opaquePrefix.length), "base64").toString("utf8");
}
