import { PomonaError } from "../../errors.ts";
import type { WorkBudget } from "../gbnf/work-budget.ts";

export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

/** A schema in a document, and where it is there: a JSON pointer (RFC 6901) behind `#`. */
export type LocatedSchema = { readonly schema: JsonSchema; readonly pointer: string };

/** What a schema that a user sends may be. */
const schemaLimits = { bytes: 256 * 1024, depth: 100 } as const;

export type DocumentOptions = {
  readonly budget: WorkBudget;
  /** Makes another schema of one that is no larger than it may be, which need not be held to as a whole. */
  readonly relax?: (schema: unknown) => unknown;
};

/** A JSON schema within its limits, with the errors about it. All errors are `invalid_request` about `field`. */
export class SchemaDocument {
  readonly root: LocatedSchema;
  readonly budget: WorkBudget;
  /** Several branches of `oneOf` may match, and what schemas say about values that another one lists need not hold. */
  readonly isRelaxed: boolean;
  readonly #field: string;

  /** Throws when `schema` is no JSON, no schema, or too large. */
  constructor(schema: unknown, field: string, { budget, relax }: DocumentOptions) {
    this.#field = field;
    this.isRelaxed = relax !== undefined;
    this.budget = budget;
    this.#checkJson(schema);
    if (new TextEncoder().encode(JSON.stringify(schema)).length > schemaLimits.bytes) {
      this.fail(`the schema is longer than ${schemaLimits.bytes} bytes`);
    }
    this.root = this.locate(relax === undefined ? schema : relax(schema), "#");
  }

  fail(message: string): never {
    throw new PomonaError("invalid_request", message, { field: this.#field });
  }

  /** Takes work out of the budget, and fails when there is not so much left. */
  spend(work: number, reason: string): void {
    this.budget.workLeft -= work;
    if (this.budget.workLeft < 0) this.fail(reason);
  }

  /** The refusal of a keyword that the grammar could not keep a model to. */
  refuse(keyword: string, { pointer }: LocatedSchema, reason?: string): never {
    const why = reason === undefined ? "" : `: ${reason}`;
    this.fail(`the schema keyword \`${keyword}\` at ${pointer} cannot be enforced${why}`);
  }

  /** The refusal of a keyword whose value is no value for it. */
  failKeyword(keyword: string, { pointer }: LocatedSchema, expected: string): never {
    this.fail(`the schema keyword \`${keyword}\` at ${pointer} must be ${expected}`);
  }

  locate(value: unknown, pointer: string): LocatedSchema {
    if (typeof value === "boolean" || isObject(value)) return { schema: value, pointer };
    this.fail(`the schema at ${pointer} must be an object, true or false`);
  }

  /** The schema that `$ref` names: `#`, or a pointer into this document such as `#/$defs/node`. */
  resolve(reference: unknown, from: LocatedSchema): LocatedSchema {
    if (typeof reference !== "string") this.failKeyword("$ref", from, "a text");
    if (reference !== "#" && !reference.startsWith("#/")) {
      this.refuse("$ref", from, "only references into the same schema, like `#/$defs/node`, can be followed");
    }
    let value: unknown = this.root.schema;
    let pointer = "#";
    for (const part of reference.split("/").slice(1)) {
      const name = decodeToken(part);
      if (!isContainer(value) || !Object.hasOwn(value, name)) {
        this.fail(`the schema at ${from.pointer} refers to ${reference}, which is not there`);
      }
      value = value[name];
      pointer = pointerTo(pointer, name);
    }
    return this.locate(value, pointer);
  }

  /** Looks at every value once, without recursion: what is too deep must not reach `JSON.stringify`. */
  #checkJson(schema: unknown): void {
    const open: { value: unknown; depth: number }[] = [{ value: schema, depth: 1 }];
    let size = 0;
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { value, depth } = next;
      size += typeof value === "string" ? value.length : 1;
      if (size > schemaLimits.bytes) this.fail(`the schema is longer than ${schemaLimits.bytes} bytes`);
      if (depth > schemaLimits.depth) this.fail(`the schema is nested deeper than ${schemaLimits.depth}`);
      if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
        this.fail("a text in the schema holds half a surrogate pair");
      }
      if (isContainer(value)) {
        for (const [name, item] of Object.entries(value)) {
          if (!Array.isArray(value)) open.push({ value: name, depth });
          open.push({ value: item, depth: depth + 1 });
        }
      } else if (!isScalar(value)) this.fail("the schema holds something that is no JSON");
    }
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The pointer of a member or an item of what is at `pointer`. */
export function pointerTo(pointer: string, ...names: readonly (string | number)[]): string {
  return [pointer, ...names.map((name) => String(name).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isScalar(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return value === null || typeof value === "string" || typeof value === "boolean";
}

/** A part of a reference: percent-encoded as in a URI fragment, then escaped as in a JSON pointer. */
function decodeToken(token: string): string {
  const text = /^(?:[^%]|%[0-7][0-9A-Fa-f])*$/.test(token) ? decodeURIComponent(token) : token;
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}
