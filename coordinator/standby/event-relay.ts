// Server-sent events on their way through: only whole ones are passed on, and the id of the last one is known, so that the rest can
// be asked of somebody else.

const border = Buffer.from("\n\n");
/** An event is a chunk of an answer: one that is longer is none of ours, and is passed on as it comes. */
const eventBytesMax = 2 ** 20;

export class EventRelay {
  #rest: Buffer = Buffer.alloc(0);
  /** Empty before the first event that has one. */
  lastId = "";
  /** Whether the answer has come to its end. */
  isDone = false;

  /** What of the stream can be passed on. */
  push(piece: Buffer): Buffer {
    const all = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const end = all.lastIndexOf(border);
    const length = end >= 0 ? end + border.length : all.length > eventBytesMax ? all.length : 0;
    const whole = all.subarray(0, length);
    this.#rest = all.subarray(length);
    this.#look(whole);
    return whole;
  }

  /** The connection broke: what is not a whole event never came. */
  cut(): void {
    this.#rest = Buffer.alloc(0);
  }

  #look(events: Buffer): void {
    const text = events.toString("latin1");
    for (const [, id = ""] of text.matchAll(/^id: (\S+)$/gm)) this.lastId = id;
    this.isDone ||= /^data: (\[DONE\]|\{"error":)/m.test(text);
  }
}
