import { type DestinationStream, destination, type Logger as PinoLogger, pino } from "pino";

/** One line an event: a constant message, values as fields. Call as `log.info({nodeId}, "node joined")`. */
export type Logger = PinoLogger;

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export type LoggerOptions = {
  /** The process or part: `coordinator`, `node-agent`, `up`. */
  readonly name: string;
  readonly level: LogLevel;
  /** Where lines go; standard error by default. */
  readonly stream?: DestinationStream;
};

// What clients wrote, what models answered, and secrets: named here once, so that a careless log call cannot leak them.
const secretFields = [
  "prompt",
  "promptTokenIds",
  "emittedTokenIds",
  "tokenIds",
  "ids",
  "text",
  "texts",
  "content",
  "messages",
  "completion",
  "answer",
  "apiKey",
  "key",
  "token",
  "password",
  "authorization",
];

/** JSON lines on standard error. Fields that may hold prompts, answers or keys are redacted down to two levels. */
export function createLogger(options: LoggerOptions): Logger {
  const paths = secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  // Synchronous: the last lines before a crash are the ones that matter.
  const stream = options.stream ?? destination({ dest: 2, sync: true });
  return pino({ name: options.name, level: options.level, redact: { paths, censor: "[redacted]" } }, stream);
}

/** A logger that writes nothing, for tests. */
export function createSilentLogger(): Logger {
  return pino({ level: "silent" });
}
