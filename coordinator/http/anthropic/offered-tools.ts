// Which of its tools a model is told: those that are deferred come once the conversation names them.
import type { ToolDefinition } from "@pomona/shared/core/generation";
import { type FieldPath, invalid } from "../requests/field.ts";
import { toolsMax } from "../requests/tools.ts";

export type DeclaredTool = {
  readonly name: string;
  readonly definition: ToolDefinition;
  /** Not told before something in the conversation names it. */
  readonly isDeferred: boolean;
};

export class OfferedTools {
  readonly #declared: Map<string, ToolDefinition>;
  readonly #offered = new Map<string, ToolDefinition>();

  constructor(tools: readonly DeclaredTool[]) {
    this.#declared = new Map(tools.map(({ name, definition }) => [name, definition]));
    for (const { name, definition, isDeferred } of tools) if (!isDeferred) this.#offered.set(name, definition);
  }

  /** Those that were found come last, so that what is held of the prompt goes as far as it can. */
  list(): readonly ToolDefinition[] {
    return [...this.#offered.values()];
  }

  /** One that the conversation describes, in the place of another one of its name. @throws PomonaError for one too many. */
  define({ name, definition }: DeclaredTool, path: FieldPath): void {
    if (this.#declared.size >= toolsMax && !this.#declared.has(name))
      throw invalid(path, `is one too many: there are at most ${toolsMax} tools`);
    this.#declared.set(name, definition);
    this.#offered.set(name, definition);
  }

  /** @throws PomonaError `invalid_request` for one that the request does not declare. */
  offer(name: string, path: FieldPath): void {
    this.#offered.set(name, this.#find(name, path));
  }

  /** @throws PomonaError `invalid_request` for one that the request does not declare. */
  withdraw(name: string, path: FieldPath): void {
    this.#find(name, path);
    this.#offered.delete(name);
  }

  #find(name: string, path: FieldPath): ToolDefinition {
    const definition = this.#declared.get(name);
    if (definition === undefined) throw invalid(path, `names ${name}, which is none of the tools`);
    return definition;
  }
}
