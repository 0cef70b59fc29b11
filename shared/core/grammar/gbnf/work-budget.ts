/**
 * What is left of the time that the schemas of one answer may take all together: looks at states and edges of automata, or
 * tenths of a look at a branch, a reference or a property. About 6 million a second.
 */
export type WorkBudget = { workLeft: number };

/** About 25 ms, in which nobody else is served. */
export const answerWork = 150_000;
