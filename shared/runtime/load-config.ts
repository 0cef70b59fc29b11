import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { prettifyError, type ZodObject, type ZodType, type z } from "zod";
import { PomonaError } from "../core/errors.ts";

export type ConfigSources<Schema extends ZodObject> = {
  /** A `z.strictObject`; its defaults are the preset. */
  readonly schema: Schema;
  /** What the command line set; undefined values count as unset. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** `process.env`: the key `httpPort` is read from POMONA_HTTP_PORT. Lists are separated by commas. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A YAML file; null means none. */
  readonly file: string | null;
  /** The top-level key of the file that holds this process's settings; null means the whole file. */
  readonly section: string | null;
  /** Whether it is no mistake that the file does not exist (the default path, as opposed to a named one). */
  readonly isFileOptional: boolean;
};

/**
 * Flags win over the environment, that over the file, that over the schema's defaults.
 * @throws PomonaError `setup_failed` with all problems at once and their paths.
 */
export function loadConfig<Schema extends ZodObject>(sources: ConfigSources<Schema>): z.output<Schema> {
  const merged = { ...fromFile(sources), ...fromEnvironment(sources), ...withoutUndefined(sources.flags) };
  const result = sources.schema.safeParse(merged);
  if (!result.success)
    throw new PomonaError("setup_failed", `the configuration is wrong:\n${prettifyError(result.error)}`);
  return result.data;
}

/** The environment variable of a key: `httpPort` -> POMONA_HTTP_PORT. */
export function environmentName(key: string): string {
  return `POMONA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function fromFile<Schema extends ZodObject>({ file, section, isFileOptional }: ConfigSources<Schema>): object {
  if (file === null) return {};
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (isFileOptional && error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new PomonaError("setup_failed", `cannot read the configuration file ${file}: ${messageOf(error)}`);
  }
  let content: unknown;
  try {
    content = parse(text) ?? {};
  } catch (error) {
    throw new PomonaError("setup_failed", `${file} is not YAML: ${messageOf(error)}`);
  }
  if (!isObject(content)) throw new PomonaError("setup_failed", `${file} must hold keys and values`);
  const own = section === null ? content : (content[section] ?? {});
  if (!isObject(own)) throw new PomonaError("setup_failed", `${section} in ${file} must hold keys and values`);
  return own;
}

function fromEnvironment<Schema extends ZodObject>({ schema, environment }: ConfigSources<Schema>): object {
  const found: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema.shape)) {
    const text = environment[environmentName(key)];
    // zod types the fields of a shape by its core, which has no safeParse; every field of an object schema is a ZodType.
    if (text !== undefined) found[key] = fromText(text, field as ZodType);
  }
  return found;
}

/** The reading of an environment variable that the field takes: text, a YAML scalar, or a list; else the text. */
function fromText(text: string, field: ZodType): unknown {
  const list = text === "" ? [] : text.split(",").map((entry) => entry.trim());
  let scalar: unknown = text;
  try {
    scalar = parse(text);
  } catch {
    // Not YAML: the schema's message about the plain text says what is wrong.
  }
  return [text, scalar, list].find((candidate) => field.safeParse(candidate).success) ?? text;
}

function withoutUndefined(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
