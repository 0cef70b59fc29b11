import type { Hardware } from "./hardware.ts";
import { LinuxHardware } from "./linux.ts";
import { MacosHardware } from "./macos.ts";

/** The machine that this process runs on. */
export function hardwareOfThisMachine(): Hardware {
  if (process.platform === "darwin") return new MacosHardware();
  return new LinuxHardware("/sys");
}
