// Server-sent events on their way through: only whole ones are passed on, and the id of the last one is known, so that the rest can
// be asked of somebody else.
import { farewellComment } from "../http/answers/event-stream.ts";

const border = Buffer.from("\n\n");
const farewell = Buffer.from(`: ${farewellComment}\n\n`);
/** An event is a chunk of an answer: one that is longer is none of ours, and is passed on as it comes. */
const eventBytesMax = 2 ** 20;

/** How the APIs end their streams, well or not. */
const lastEvent =
  /^(?:data: (?:\[DONE\]|\{"error":|\{.*"done":true,"done_reason":"[a-z]+"(?:,"[a-z_]+":\d+)*\}$)|event: (?:message_stop|error|response\.(?:completed|incomplete|failed))$)/m;

export class EventRelay {
  #rest: Buffer = Buffer.alloc(0);
  /** Empty before the first event that has one. */
  lastId = "";
  /** Of the request, where its stream has told it in a comment; empty where it has not. */
  requestId = "";
  /** Whether something of the answer was passed on: comments, and pings of Anthropic's API, are none of it. */
  hasBegun = false;
  /** Whether the answer has come to its end. */
  isDone = false;
  /** What a coordinator says that stops: the rest is another one's. Passed on when none has it. */
  farewell: Buffer | null = null;

  /** What of the stream can be passed on. */
  push(piece: Buffer): Buffer {
    const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const end = all.lastIndexOf(border);
    const length = end >= 0 ? end + border.length : all.length > eventBytesMax ? all.length : 0;
    const whole = all.subarray(0, length);
    this.#rest = all.subarray(length);
    const farewellAt = this.farewell === null ? farewellIn(whole) : 0;
    const passed = whole.subarray(0, farewellAt ?? whole.length);
    if (farewellAt !== null)
      this.farewell = Buffer.concat([this.farewell ?? Buffer.alloc(0), whole.subarray(farewellAt)]);
    this.#look(passed);
    return passed;
  }

  /** The connection broke: what is not a whole event never came. */
  cut(): void {
    this.#rest = Buffer.alloc(0);
    this.farewell = null;
  }

  #look(events: Buffer): void {
    const text = events.toString("latin1");
    for (const [, id = ""] of text.matchAll(/^id: (\S+)$/gm)) this.lastId = id;
    this.requestId ||= /^: pomona request=(\S+)$/m.exec(text)?.[1] ?? "";
    this.hasBegun ||= /^data: (?!\{"type":"ping"\}$)/m.test(text);
    this.isDone ||= lastEvent.test(text);
  }
}

/** Where a coordinator begins to say that it stops; null where none does. */
function farewellIn(events: Buffer): number | null {
  const at = events.indexOf(farewell);
  if (at < 0) return null;
  return at === 0 || events.subarray(at - border.length, at).equals(border) ? at : null;
}
