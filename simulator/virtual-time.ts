/** What happens at one instant of virtual time. */
type Scheduled = { readonly atMs: number; readonly order: number; readonly run: () => void };

/** A clock that stands still but for what is scheduled on it. Equal instants run in the order of their scheduling. */
export class VirtualTime {
  readonly #heap: Scheduled[] = [];
  #nowMs = 0;
  #scheduled = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs something after a while; at the earliest now. */
  after(delayMs: number, run: () => void): void {
    this.#scheduled += 1;
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#scheduled, run });
  }

  /** Runs something again and again, until it returns false. */
  every(intervalMs: number, run: () => boolean): void {
    this.after(intervalMs, () => {
      if (run()) this.every(intervalMs, run);
    });
  }

  /** Runs what is due until that time, or until `isDone`. */
  runUntil(endMs: number, isDone: () => boolean): void {
    while (!isDone()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pop();
      this.#nowMs = next.atMs;
      next.run();
    }
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(item);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(item, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}
