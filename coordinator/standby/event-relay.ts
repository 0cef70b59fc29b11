// Server-sent events on their way through: only whole ones are passed on, and the id of the last one is known, so that the rest can
// be asked of somebody else.

const border = Buffer.from("\n\n");
/** An event is a chunk of an answer: one that is longer is none of ours, and is passed on as it comes. */
const eventBytesMax = 2 ** 20;

/** How the APIs end their streams, well or not. */
const lastEvent = /^(?:data: (?:\[DONE\]|\{"error":)|event: (?:message_stop|error)$)/m;

export class EventRelay {
  #rest: Buffer = Buffer.alloc(0);
  /** Empty before the first event that has one. */
  lastId = "";
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
    const farewellAt = farewellIn(whole);
    const passed = whole.subarray(0, farewellAt ?? whole.length);
    if (farewellAt !== null) this.farewell = whole.subarray(farewellAt);
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
    this.isDone ||= lastEvent.test(text);
  }
}

/** Where the event begins by which a coordinator says that it stops; null when none of them does. */
function farewellIn(events: Buffer): number | null {
  if (!events.includes('"shutting_down"')) return null;
  const at = /^data: [^\n]*"code":"shutting_down"/m.exec(events.toString("latin1"))?.index;
  if (at === undefined) return null;
  const before = at === 0 ? -1 : events.lastIndexOf(border, at - 1);
  return before < 0 ? 0 : before + border.length;
}
