import { plainShapes } from "./plain-shapes.ts";
import { isObject, type LocatedSchema, type SchemaDocument } from "./schema-document.ts";
import { KeywordReader, roleOf } from "./schema-keywords.ts";
import { type Conjunction, keyOf, type Shape } from "./schema-shapes.ts";
import { areApart } from "./shapes-apart.ts";

/** A choice that is still to be made. `path` are the pointers that lead to it without a value in between. */
type Choice = {
  readonly keyword: "anyOf" | "oneOf";
  readonly at: LocatedSchema;
  readonly branches: readonly LocatedSchema[];
  readonly path: ReadonlySet<string>;
};

/** Schemas without references and combinations, and the choices beside them. */
type Flat = { readonly plain: LocatedSchema[]; readonly choices: Choice[] };

/** Values of one branch. `key` names the schemas that say so. */
export type ReadShape = { readonly key: string; readonly shape: Shape };

/** Of the budget, for a branch, a reference or a property that is looked at. */
const stepWork = 10;
/** References and combinations in one another. */
const pathMax = 200;
/** Schemas that are read while others are, to tell branches of `oneOf` apart. */
const openMax = 20;

/**
 * Resolves `$ref`, `allOf`, `anyOf` and `oneOf` into shapes: the schemas of each branch are taken together with what
 * stands beside the choice (disjunctive normal form).
 */
export class SchemaReader {
  readonly #document: SchemaDocument;
  readonly #known = new Map<string, readonly ReadShape[]>();
  readonly #open = new Set<string>();

  constructor(document: SchemaDocument) {
    this.#document = document;
  }

  /** What matches all the schemas; fails when nothing does. */
  shapes(schemas: Conjunction): readonly ReadShape[] {
    const shapes = this.#read(schemas);
    if (shapes.length === 0) this.#document.fail(`the schema at ${keyOf(schemas)} matches nothing`);
    return shapes;
  }

  #read(schemas: Conjunction): readonly ReadShape[] {
    const key = keyOf(schemas);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    // What is asked for while it is read, by a comparison inside it, is not known yet and may be anything.
    if (this.#open.has(key) || this.#open.size > openMax) return [{ key: "", shape: { kind: "any" } }];
    this.#open.add(key);
    const flat: Flat = { plain: [], choices: [] };
    for (const located of schemas) this.#flatten(located, new Set(), flat);
    const shapes = this.#choose(flat);
    this.#open.delete(key);
    this.#known.set(key, shapes);
    return shapes;
  }

  /** Adds a schema to `flat`; in the order in which the keywords stand, so that properties stay in theirs. */
  #flatten(located: LocatedSchema, path: ReadonlySet<string>, flat: Flat): void {
    // The path is copied.
    this.#step(1 + path.size / 8);
    const { schema, pointer } = located;
    if (path.has(pointer)) this.#document.fail(`the schema at ${pointer} refers to itself and to nothing else`);
    if (path.size > pathMax) this.#document.fail(`the schema at ${pointer} is behind too many references`);
    const longer = new Set([...path, pointer]);
    if (!isObject(schema)) {
      if (!schema) flat.plain.push(located);
      return;
    }
    const reader = new KeywordReader(this.#document, located);
    let isPlain = false;
    for (const keyword of Object.keys(schema)) {
      const role = roleOf(this.#document, located, keyword);
      if (role === "describes") continue;
      if (keyword === "$ref") {
        this.#flatten(this.#document.resolve(schema[keyword], located), longer, flat);
      } else if (keyword === "allOf") {
        for (const part of reader.schemas(keyword) ?? []) this.#flatten(part, longer, flat);
      } else if (keyword === "anyOf" || keyword === "oneOf") {
        flat.choices.push({ keyword, at: located, branches: reader.schemas(keyword) ?? [], path: longer });
      } else if (!isPlain) {
        isPlain = true;
        flat.plain.push(located);
      }
    }
  }

  #choose({ plain, choices }: Flat): readonly ReadShape[] {
    const [choice, ...others] = choices;
    if (choice === undefined) {
      const key = keyOf(plain);
      for (const located of plain) this.#step(sizeOf(located));
      return plainShapes(this.#document, plain).map((shape) => ({ key: `${key} ${shape.kind}`, shape }));
    }
    const branches = choice.branches.map((branch) => {
      const flat: Flat = { plain: [...plain], choices: [...others] };
      this.#flatten(branch, choice.path, flat);
      return this.#choose(flat);
    });
    if (choice.keyword === "oneOf" && !this.#document.isRelaxed) this.#checkApart(choice, branches);
    return [...new Map(branches.flat().map((read) => [read.key, read])).values()];
  }

  /** `oneOf` wants exactly one branch to match, which a grammar can only promise when no two ever do. */
  #checkApart(choice: Choice, branches: readonly (readonly ReadShape[])[]): void {
    const read = (schemas: Conjunction): readonly Shape[] => this.#read(schemas).map(({ shape }) => shape);
    for (const [index, branch] of branches.entries()) {
      for (const [otherIndex, other] of branches.entries()) {
        if (index === otherIndex) continue;
        const isApart = branch.every((one) =>
          other.every(({ shape }) => {
            this.#step(1 + (shape.kind === "object" ? shape.properties.length : 0));
            return areApart(one.shape, shape, { read, depth: 0 });
          }),
        );
        if (!isApart) {
          const which = `branches ${Math.min(index, otherIndex)} and ${Math.max(index, otherIndex)}`;
          this.#document.refuse("oneOf", choice.at, `${which} may both match; use anyOf, or a property with a const`);
        }
      }
    }
  }

  #step(count = 1): void {
    this.#document.spend(count * stepWork, "the schema combines too many schemas, or takes too long with others");
  }
}

/** How many properties and keywords a schema has itself. */
function sizeOf({ schema }: LocatedSchema): number {
  if (!isObject(schema)) return 1;
  const { properties } = schema;
  return Object.keys(schema).length + (isObject(properties) ? Object.keys(properties).length : 0);
}
