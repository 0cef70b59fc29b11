// Keeps one sender on NATS from taking the coordinator's time: nodes say something every half a second, and no node needs more.

/** Messages of one subject that pass at once, and a second on average. */
const burst = 50;
const perSecond = 20;
/** One that sends more is not listened to for so long. */
const mutedMs = 10_000;
/** Subjects that are watched; the one that was quiet for longest is forgotten first. */
const subjectsMax = 1024;

type Sender = { tokens: number; heardAtMs: number; mutedUntilMs: number };

export class FloodGuard {
  readonly #senders = new Map<string, Sender>();

  /** Whether a message of a subject is to be read: `muted` is said of the first one that is not. */
  take(subject: string, nowMs: number): "read" | "muted" | "dropped" {
    const sender = this.#senderOf(subject, nowMs);
    if (nowMs < sender.mutedUntilMs) return "dropped";
    sender.tokens = Math.min(burst, sender.tokens + ((nowMs - sender.heardAtMs) / 1000) * perSecond);
    sender.heardAtMs = nowMs;
    if (sender.tokens >= 1) {
      sender.tokens -= 1;
      return "read";
    }
    sender.mutedUntilMs = nowMs + mutedMs;
    return "muted";
  }

  #senderOf(subject: string, nowMs: number): Sender {
    const known = this.#senders.get(subject);
    const sender = known ?? { tokens: burst, heardAtMs: nowMs, mutedUntilMs: Number.NEGATIVE_INFINITY };
    this.#senders.delete(subject);
    this.#senders.set(subject, sender);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > subjectsMax && oldest !== undefined) this.#senders.delete(oldest);
    return sender;
  }
}
