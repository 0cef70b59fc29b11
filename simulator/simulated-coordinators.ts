// The coordinators of a simulated pool, and what goes wrong with them.
import {
  type CoordinatorMachine,
  CoordinatorProcess,
  newCoordinatorMachine,
  type ProcessParts,
} from "./coordinator-process.ts";
import type { SimulatedCoordinator } from "./simulated-coordinator.ts";

export type CoordinatorsParts = Omit<ProcessParts, "otherProcesses"> & { readonly count: number };

export class SimulatedCoordinators {
  readonly #parts: CoordinatorsParts;
  readonly #machines: readonly CoordinatorMachine[];
  readonly #processes = new Map<string, CoordinatorProcess>();

  constructor(parts: CoordinatorsParts) {
    this.#parts = parts;
    this.#machines = Array.from({ length: parts.count }, (_, index) => newCoordinatorMachine(index));
    for (const machine of this.#machines) this.#start(machine);
  }

  /** Those that live. */
  get processes(): readonly CoordinatorProcess[] {
    return [...this.#processes.values()].filter(({ isDead }) => !isDead);
  }

  /** Those that are active, or believe so. */
  get active(): readonly SimulatedCoordinator[] {
    return this.processes.flatMap(({ active }) => active ?? []);
  }

  /** The active one, when there is exactly one and it runs. */
  get sole(): SimulatedCoordinator | null {
    const [only, another] = this.processes.filter(({ active }) => active !== null);
    return another === undefined ? (only?.leading ?? null) : null;
  }

  /** Whether all run, and reach each other and NATS. */
  get areWell(): boolean {
    return (
      this.processes.length === this.#machines.length &&
      this.processes.every(({ machine, pausedForMs }) => {
        return pausedForMs === 0 && !machine.isCutOff && !machine.isWithoutNats && !machine.isWithoutOthers;
      })
    );
  }

  crash(downMs: number): boolean {
    const victim = this.#victim();
    if (victim === null) return false;
    victim.kill();
    this.#parts.time.after(downMs, () => this.#start(victim.machine));
    return true;
  }

  /** In order, as for an update. */
  stop(downMs: number): boolean {
    const victim = this.#victim();
    if (victim === null) return false;
    victim.stop();
    this.#parts.time.after(downMs, () => this.#start(victim.machine));
    return true;
  }

  pause(ms: number): boolean {
    const victim = this.#victim();
    if (victim === null || victim.pausedForMs > 0) return false;
    victim.pause(ms);
    return true;
  }

  setClockRate(rate: number): boolean {
    const victim = this.#victim();
    victim?.setClockRate(rate);
    return victim !== null;
  }

  /** For a while nothing passes between one of them and anything else. */
  cutOff(ms: number): boolean {
    return this.#disturb("isCutOff", ms);
  }

  /** The same for NATS alone, or for other coordinators too. Its connection breaks, or only says nothing any more. */
  cutFromNats(ms: number): boolean {
    const { random } = this.#parts;
    const victim = this.#victim();
    if (victim === null || victim.machine.isWithoutNats) return false;
    if (random.chance(0.5)) victim.resetLine();
    if (random.chance(0.5)) this.#disturbMachine(victim.machine, "isWithoutOthers", ms);
    return this.#disturbMachine(victim.machine, "isWithoutNats", ms);
  }

  /** The active one loses NATS and the others, knows it, and goes on with its nodes and clients: two believe to be active. */
  split(ms: number): boolean {
    const active = this.processes.find((process) => process.active !== null);
    if (active === undefined || this.processes.length < 2 || active.machine.isWithoutNats) return false;
    active.resetLine();
    this.#disturbMachine(active.machine, "isWithoutOthers", ms);
    return this.#disturbMachine(active.machine, "isWithoutNats", ms);
  }

  /** What is wrong with their lines ends. */
  heal(): void {
    for (const machine of this.#machines)
      Object.assign(machine, { isCutOff: false, isWithoutNats: false, isWithoutOthers: false });
  }

  #disturb(what: "isCutOff", ms: number): boolean {
    const victim = this.#victim();
    return victim !== null && this.#disturbMachine(victim.machine, what, ms);
  }

  #disturbMachine(machine: CoordinatorMachine, what: "isCutOff" | "isWithoutNats" | "isWithoutOthers", ms: number) {
    if (machine[what]) return false;
    machine[what] = true;
    this.#parts.time.after(ms, () => {
      machine[what] = false;
    });
    return true;
  }

  /** Mostly the active one. */
  #victim(): CoordinatorProcess | null {
    const { random } = this.#parts;
    const active = this.processes.find((process) => process.active !== null);
    if (active !== undefined && random.chance(0.7)) return active;
    return this.processes.length === 0 ? null : random.pick(this.processes);
  }

  #start(machine: CoordinatorMachine): void {
    const { count: _, ...parts } = this.#parts;
    const otherProcesses = (): readonly CoordinatorProcess[] =>
      this.processes.filter((process) => process.machine !== machine);
    this.#processes.set(machine.self.id, new CoordinatorProcess(machine, { ...parts, otherProcesses }));
  }
}
