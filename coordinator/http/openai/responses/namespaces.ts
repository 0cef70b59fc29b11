// Namespaces: functions of one origin under a common name, as codex sends those of an MCP server.

/** What a client calls a function of a namespace. */
export type NamespacedName = { readonly namespace: string; readonly name: string };

/** Functions of namespaces by the names that the model knows them by. */
export type NamespacedNames = ReadonlyMap<string, NamespacedName>;

/** Models know one name of a function: both, as clients of MCP have always joined them. */
export function joinedName({ namespace, name }: { readonly namespace?: string; readonly name: string }): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

/**
 * The description of a namespace's first function, which says what the namespace is: once, because it may be the manual of a
 * whole server.
 */
export function withNamespaceTold(description: string, namespace: string, told: string): string {
  const about = `All functions whose names begin with ${namespace}__: ${told}`;
  return description === "" ? about : `${description}\n\n${about}`;
}
