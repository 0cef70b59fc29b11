import { type CodePointRange, joinRanges } from "../gbnf/code-points.ts";
import {
  type Automaton,
  type AutomatonEdge,
  type AutomatonLimits,
  type AutomatonState,
  automatonStatesMax,
  spend,
} from "./automaton.ts";
import type { RegexNode } from "./regex-syntax.ts";

/** A state that may be in several places at once: `silent` ones are reached without a character. */
type LooseState = { readonly silent: number[]; readonly edges: AutomatonEdge[] };

const looseStatesMax = 50_000;

/**
 * The automaton of an expression: Thompson's construction, then Rabin and Scott's powerset construction. Refuses
 * expressions whose automaton is too large, such as `(a|b)*a(a|b){12}`.
 */
export function automatonOfRegex(node: RegexNode, limits: AutomatonLimits): Automaton {
  const loose = new LooseAutomaton(limits);
  const start = loose.addState();
  const end = loose.build(node, start);
  return new Powerset(loose.states, end, limits).build(start);
}

class LooseAutomaton {
  readonly states: LooseState[] = [];
  readonly #limits: AutomatonLimits;

  constructor(limits: AutomatonLimits) {
    this.#limits = limits;
  }

  addState(): number {
    if (this.states.length >= looseStatesMax) this.#limits.refuse("the pattern is too large");
    spend(this.#limits.budget, 1, this.#limits.refuse);
    return this.states.push({ silent: [], edges: [] }) - 1;
  }

  /** Adds the states of `node` behind `start`, and gives the state in which it is matched. */
  build(node: RegexNode, start: number): number {
    switch (node.kind) {
      case "characters": {
        const end = this.addState();
        if (node.ranges.length > 0) this.states[start]?.edges.push({ ranges: node.ranges, target: end });
        return end;
      }
      case "sequence":
        return node.items.reduce((at, item) => this.build(item, at), start);
      case "choice": {
        const end = this.addState();
        for (const item of node.items) this.#link(this.build(item, this.#after(start)), end);
        return end;
      }
      case "repeat":
        return this.#buildRepeat(node, start);
    }
  }

  #buildRepeat({ item, min, max }: Extract<RegexNode, { kind: "repeat" }>, start: number): number {
    let at = start;
    for (let count = 0; count < min; count += 1) at = this.build(item, at);
    if (max === null) {
      const loop = this.#after(at);
      this.#link(this.build(item, loop), loop);
      return this.#after(loop);
    }
    const end = this.addState();
    for (let count = min; count < max; count += 1) {
      this.#link(at, end);
      at = this.build(item, at);
    }
    this.#link(at, end);
    return end;
  }

  #after(state: number): number {
    const next = this.addState();
    this.#link(state, next);
    return next;
  }

  #link(from: number, to: number): void {
    this.states[from]?.silent.push(to);
  }
}

class Powerset {
  readonly #loose: readonly LooseState[];
  readonly #end: number;
  readonly #limits: AutomatonLimits;
  readonly #indexes = new Map<string, number>();
  readonly #sets: (readonly number[])[] = [];

  constructor(loose: readonly LooseState[], end: number, limits: AutomatonLimits) {
    this.#loose = loose;
    this.#end = end;
    this.#limits = limits;
  }

  build(start: number): Automaton {
    this.#indexOf([start]);
    const states: AutomatonState[] = [];
    for (const members of this.#sets) {
      const edges = members.flatMap((member) => this.#loose[member]?.edges ?? []);
      states.push({ isAccepting: members.includes(this.#end), edges: this.#determine(edges) });
    }
    return states;
  }

  /** Edges that do not overlap, each to the set of all states that its characters lead to: by sweeping over their ends. */
  #determine(edges: readonly AutomatonEdge[]): AutomatonEdge[] {
    const ends = edges.flatMap(({ ranges, target }) =>
      ranges.flatMap(([low, high]) => [
        { point: low, target, change: 1 },
        { point: high + 1, target, change: -1 },
      ]),
    );
    ends.sort((one, other) => one.point - other.point);
    this.#spend(ends.length);
    const active = new Map<number, number>();
    const indexes = new Map<string, number>();
    const rangesByTarget = new Map<number, CodePointRange[]>();
    for (const [place, { point, target, change }] of ends.entries()) {
      const count = (active.get(target) ?? 0) + change;
      if (count === 0) active.delete(target);
      else active.set(target, count);
      const next = ends[place + 1];
      if (active.size === 0 || next === undefined || next.point === point) continue;
      this.#spend(active.size);
      const targets = [...active.keys()].sort((a, b) => a - b);
      const key = targets.join(",");
      const index = indexes.get(key) ?? this.#indexOf(targets);
      indexes.set(key, index);
      const ranges = rangesByTarget.get(index) ?? [];
      ranges.push([point, next.point - 1]);
      rangesByTarget.set(index, ranges);
    }
    return [...rangesByTarget].map(([target, ranges]) => ({ ranges: joinRanges(ranges), target }));
  }

  /** The state that stands for these loose states and all that they reach silently. */
  #indexOf(members: readonly number[]): number {
    const closure = new Set<number>();
    const open = [...members];
    for (let member = open.pop(); member !== undefined; member = open.pop()) {
      if (closure.has(member)) continue;
      closure.add(member);
      open.push(...(this.#loose[member]?.silent ?? []));
    }
    this.#spend(closure.size);
    const set = [...closure].sort((a, b) => a - b);
    const key = set.join(",");
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    if (this.#sets.length >= automatonStatesMax) this.#limits.refuse("the pattern is too large");
    this.#indexes.set(key, this.#sets.length);
    return this.#sets.push(set) - 1;
  }

  #spend(work: number): void {
    spend(this.#limits.budget, work, this.#limits.refuse);
  }
}
