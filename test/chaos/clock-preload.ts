// Loaded into a process before the program itself (`node --import`): its wall clock jumps when the test says so, as
// under libfaketime; the monotonic clock goes on.

/** What the test tells the process. */
export type ClockFault = { readonly jumpMs: number };

const RealDate = Date;
let offsetMs = 0;

class JumpingDate extends RealDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(RealDate.now() + offsetMs);
    else super(...args);
  }

  static override now(): number {
    return RealDate.now() + offsetMs;
  }
}

// The shape of the original, but for being called without `new`, which nothing here does.
globalThis.Date = JumpingDate as typeof Date;

process.on("message", (message: Partial<ClockFault>) => {
  offsetMs += message.jumpMs ?? 0;
});
