// The highest terms of coordinators that a node has heard of, by cluster: a node that moves on does not hold its new pool to
// the terms of the old one.

/** The cluster that was heard of last is last. */
export type CoordinatorTerms = ReadonlyMap<string, number>;

export const clustersMax = 16;

/** The terms after one was told; the same map when it is not higher than the one that is known. */
export function withTerm(terms: CoordinatorTerms, cluster: string, term: number): CoordinatorTerms {
  if ((terms.get(cluster) ?? -1) >= term) return terms;
  const others = [...terms].filter(([name]) => name !== cluster).slice(1 - clustersMax);
  return new Map([...others, [cluster, term]]);
}
