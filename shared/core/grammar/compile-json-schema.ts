import { runThrough } from "../slices.ts";
import { GrammarWriter } from "./gbnf/grammar-writer.ts";
import { SchemaCompiler } from "./schema/schema-compiler.ts";
import { SchemaDocument } from "./schema/schema-document.ts";

/**
 * The GBNF grammar whose texts are JSON documents that match the schema. Every text of the grammar matches; not every
 * document that matches is a text of it: properties come in the order of the schema and the listed ones first, blanks are
 * few, numbers have at most 16 digits before the point, an object with `properties` or a list with `prefixItems` has
 * nothing else unless the schema allows it by name, and a schema without a `type` is about the types its keywords are
 * about. `oneOf` is taken where its branches are told apart, see `areApart`. `field` is the request field that an error
 * names. Throws `invalid_request` for what is no schema, matches nothing, is too large, or cannot be enforced.
 *
 * Syntax: JSON Schema 2020-12, with `definitions` and lists under `items` of draft 7.
 */
export function compileJsonSchema(schema: unknown, field = "schema"): string {
  const writer = new GrammarWriter(field);
  return runThrough(writer.finish(schemaBody(writer, schema, field)));
}

/** Adds the rules of a schema to a grammar, and returns its body. Throws as `compileJsonSchema`. */
export function schemaBody(writer: GrammarWriter, schema: unknown, field: string): string {
  const document = new SchemaDocument(schema, field, { budget: writer.budget });
  const compiler = new SchemaCompiler(document, writer);
  const root = compiler.ruleFor([document.root]);
  compiler.finish();
  return root;
}
