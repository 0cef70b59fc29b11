// The clients of a simulated pool: each goes to a coordinator, and comes back to another one when that is gone.
import type { ErrorCode } from "@pomona/shared/core/errors";
import type { NodeId, RequestId } from "@pomona/shared/core/ids";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import type { Random } from "./random.ts";
import type { ClientRequest, Entry, LeftAttempt, RequestLedger } from "./request-ledger.ts";
import type { SimulatedCoordinator } from "./simulated-coordinator.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { VirtualTime } from "./virtual-time.ts";

const lookMs = 100;
/** One that nobody takes tries again for so long. */
const triesForMs = 20_000;
const tryAgainMs = 500;

export type ClientsParts = {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly ledger: RequestLedger;
  readonly processes: () => readonly CoordinatorProcess[];
  readonly nodeOf: (nodeId: NodeId) => SimulatedNode | undefined;
  readonly onRefused: (code: ErrorCode) => void;
  /** A client goes on reading at another coordinator. */
  readonly onReadOn: () => void;
};

export class SimulatedClients {
  readonly #parts: ClientsParts;

  constructor(parts: ClientsParts) {
    this.#parts = parts;
    parts.time.every(lookMs, () => {
      for (const entry of parts.ledger.open) this.#look(entry);
      return true;
    });
  }

  /** Tries until somebody takes it, or says why not. */
  request(request: ClientRequest, untilMs = this.#parts.time.nowMs + triesForMs): void {
    const { time, random, onRefused } = this.#parts;
    const again = (): void => {
      const atMs = time.nowMs + tryAgainMs;
      if (atMs < Math.min(untilMs, request.deadlineMs)) time.after(tryAgainMs, () => this.request(request, untilMs));
      else onRefused("shutting_down");
    };
    const reached = this.#reached();
    if (reached.length === 0) {
      again();
      return;
    }
    const process = random.pick(reached);
    const ask = (): void => {
      const leading = process.isDead || process.machine.isCutOff ? null : this.#leadingFor(process);
      if (leading === null || time.nowMs >= request.deadlineMs) {
        again();
        return;
      }
      const refusal = leading.request(request);
      if (refusal !== null) onRefused(refusal);
    };
    // One that is stopped answers when it runs again, if it does.
    if (process.pausedForMs > 0) time.after(process.pausedForMs, ask);
    else ask();
  }

  cancel(request: ClientRequest): void {
    const { ledger, processes } = this.#parts;
    const { requestId } = request;
    for (const { active } of processes()) active?.leave(request);
    const entry = ledger.find(requestId);
    if (entry === undefined) return;
    entry.isCancelled = true;
    if (entry.session === null) ledger.abandon(requestId, "cancelled");
    else this.#readBy(entry)?.take({ kind: "requestCancelled", requestId });
  }

  /** A stop string is found in what its text is by now, wherever that is read. */
  stop({ requestId }: ClientRequest): void {
    const entry = this.#parts.ledger.find(requestId);
    if (entry === undefined) return;
    entry.stopsAt = Math.min(entry.stopsAt, entry.received);
    if (entry.session !== null) this.#readBy(entry)?.stopWhenFound(entry.session);
  }

  #reached(): CoordinatorProcess[] {
    return this.#parts.processes().filter(({ isDead, machine }) => !isDead && !machine.isCutOff);
  }

  /** A standby forwards to the active one that it knows. */
  #leadingFor(process: CoordinatorProcess): SimulatedCoordinator | null {
    if (process.leading !== null) return process.leading;
    const holder = this.#reached().find(({ machine }) => machine.self.id === process.otherHolderId);
    const isBetween = process.machine.isWithoutOthers || holder?.machine.isWithoutOthers === true;
    return isBetween ? null : (holder?.leading ?? null);
  }

  #readBy({ requestId, session }: Entry): SimulatedCoordinator | null {
    if (session === null) return null;
    for (const { active } of this.#parts.processes()) if (active?.session(requestId) === session) return active;
    return null;
  }

  #look(entry: Entry): void {
    const { ledger, time } = this.#parts;
    const { requestId } = entry;
    if (entry.session !== null) {
      const process = this.#parts.processes().find(({ active }) => active?.session(requestId) === entry.session);
      if (process?.machine.isCutOff === true && process.active !== null)
        ledger.detach(entry, this.#leftAt(process.active, requestId), time.nowMs);
      return;
    }
    const leading = this.#reached().flatMap((process) => process.leading ?? []);
    for (const coordinator of leading) {
      const session = coordinator.session(requestId);
      if (session === undefined) continue;
      this.#parts.onReadOn();
      ledger.attach(entry, session, time.nowMs);
      coordinator.stopWhenFound(session);
      return;
    }
    // It waited at a coordinator that is gone: whoever comes next has never heard of it.
    if (leading.length > 0 && entry.left === null) ledger.abandon(requestId, "abandoned");
  }

  /** A coordinator has gone, and its clients with it. */
  leave(coordinator: SimulatedCoordinator): void {
    const { ledger, time } = this.#parts;
    for (const entry of ledger.open) {
      const { requestId, session } = entry;
      const known = coordinator.session(requestId);
      if (known === undefined) continue;
      const left = this.#leftAt(coordinator, requestId);
      if (session === known) ledger.detach(entry, left, time.nowMs);
      // It was taken up, and perhaps read to its end, by one that is gone before its client came back.
      else if (session === null) entry.left = left ?? (entry.left && { ...entry.left, isHeld: false });
    }
  }

  /** Where a coordinator has a request; null for one that is on no node. */
  #leftAt({ state }: SimulatedCoordinator, requestId: RequestId): LeftAttempt | null {
    const { time, nodeOf } = this.#parts;
    const record = state.requests.get(requestId);
    if (record?.place.kind !== "bound") return null;
    const { nodeId } = record.place;
    const { epoch } = record;
    const incarnation = state.members.get(nodeId)?.status.incarnation ?? 0;
    const node = nodeOf(nodeId);
    const isSame = node !== undefined && !node.isDead && node.incarnation === incarnation;
    const isHeld = isSame && node.attempts.isKept({ requestId, epoch });
    return { nodeId, incarnation, epoch, isHeld, atMs: time.nowMs };
  }
}
