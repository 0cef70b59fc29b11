// The `pomona` command.
import { version } from "@pomona/shared/core/version";
import { Command, CommanderError } from "commander";
import { addBenchCommands } from "./commands/bench.ts";
import { addModelsCommands } from "./commands/models.ts";
import { addNodesCommands } from "./commands/nodes.ts";
import { addServeCommands } from "./commands/serve.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTalkCommands } from "./commands/talk.ts";
import { addUpCommand } from "./commands/up.ts";
import { addWhyCommand } from "./commands/why.ts";
import { exitCodes } from "./exit-codes.ts";
import { reportError } from "./report-error.ts";

function createProgram(): Command {
  const program = new Command("pomona")
    .description("pools the Macs of a small team into one LLM service")
    .version(version)
    .showHelpAfterError()
    .exitOverride();
  addUpCommand(program);
  addServeCommands(program);
  addStatusCommand(program);
  addNodesCommands(program);
  addModelsCommands(program);
  addTalkCommands(program);
  addBenchCommands(program);
  addWhyCommand(program);
  return program;
}

try {
  await createProgram().parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError)
    process.exitCode = thrown.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
  else process.exitCode = reportError(thrown).exitCode;
}
