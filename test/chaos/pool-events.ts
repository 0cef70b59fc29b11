// What the coordinator announces, by /cluster/v1/events, from the first moment on.
import { get } from "node:http";

export type PoolEvent = {
  /** Of the wall clock. */
  readonly atMs: number;
  readonly kind: string;
  readonly nodeId: string;
  readonly text: string;
};

export class PoolEvents {
  readonly list: PoolEvent[] = [];
  readonly #http: string;
  #stop: () => void = () => undefined;

  constructor(http: string) {
    this.#http = http;
    this.follow();
  }

  /** Connects, again when the coordinator was started anew. */
  follow(): void {
    this.#stop();
    const request = get(`${this.#http}/cluster/v1/events?recent=1000`, { agent: false }, (response) => {
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        const events = (rest + piece).split("\n\n");
        rest = events.pop() ?? "";
        for (const event of events) {
          const data = /^data: (.*)$/m.exec(event)?.[1];
          // Of the coordinator's own making (docs/administration.md).
          if (data !== undefined) this.list.push(JSON.parse(data) as PoolEvent);
        }
      });
      response.on("error", () => undefined);
    });
    request.on("error", () => undefined);
    this.#stop = () => request.destroy();
  }

  /** How often each request left a node. */
  movesByRequest(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { kind, text } of this.list) {
      if (kind !== "requestMoved") continue;
      const id = /^request (\S+)/.exec(text)?.[1] ?? "";
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  /** How many left which node, and why, in words. */
  moveReasons(): string {
    const counts = new Map<string, number>();
    for (const { kind, nodeId, text } of this.list) {
      if (kind !== "requestMoved") continue;
      const why = `${/: (.*)$/.exec(text)?.[1] ?? "?"} of ${nodeId.slice(0, 4)}`;
      counts.set(why, (counts.get(why) ?? 0) + 1);
    }
    return [...counts].map(([why, count]) => `${count} by ${why}`).join(", ");
  }

  /** When the first request left that node after a point of the wall clock; null when none did. */
  firstMoveMs(nodeId: string, afterMs: number): number | null {
    const first = this.list.find(
      (event) => event.kind === "requestMoved" && event.nodeId === nodeId && event.atMs >= afterMs,
    );
    return first?.atMs ?? null;
  }

  close(): void {
    this.#stop();
  }
}
