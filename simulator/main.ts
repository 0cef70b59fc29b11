// npm run -s simulate -- --scenario NAME …: policies against each other; without a scenario: faults and invariants.
import { runFaults } from "./fault-command.ts";
import { isScenarioCommand, runScenario } from "./scenario-command.ts";

const words = process.argv.slice(2);
process.exitCode = isScenarioCommand(words) ? runScenario(words) : runFaults(words);
