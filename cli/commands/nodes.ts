// `pomona nodes`: the machines of the pool, and what administrators want of them.
import type { ClusterClient } from "@pomona/proto/generated/pomona/v1/Cluster";
import type { Member__Output } from "@pomona/proto/generated/pomona/v1/Member";
import type { NodeSettings__Output } from "@pomona/proto/generated/pomona/v1/NodeSettings";
import { pomona } from "@pomona/proto/load";
import { PomonaError } from "@pomona/shared/core/errors";
import type { Command } from "commander";
import { askCluster, type ClusterFlags, callCluster, print, withClusterFlags } from "../ask-cluster.ts";
import { parseBytes } from "../options.ts";
import { size } from "../render.ts";
import { nodesTable } from "../render-nodes.ts";

const exampleId = "4be1c8d0";

export function addNodesCommands(program: Command): void {
  const nodes = program.command("nodes").description("the machines of the pool");
  withClusterFlags(nodes.command("ls", { isDefault: true }).description("list them, with what models hold of each"))
    .addHelpText("after", "\nExample:\n  pomona nodes --json")
    .action((flags: ClusterFlags) => askCluster(flags, async (client) => print(flags, await list(client), nodesTable)));
  addSwitches(nodes);
  withClusterFlags(nodes.command("label <id> <labels...>").description("add labels; LABEL- takes one off"))
    .addHelpText("after", `\nExample:\n  pomona nodes label ${exampleId} room=office fast-`)
    .action((id: string, labels: readonly string[], flags: ClusterFlags) =>
      edit(flags, id, (settings) => ({ ...settings, labels: labelled(settings.labels, labels) })),
    );
  withClusterFlags(nodes.command("reserve <id> <size>").description("memory that models leave free; 0 for none"))
    .addHelpText("after", `\nExample:\n  pomona nodes reserve ${exampleId} 8GB`)
    .action((id: string, text: string, flags: ClusterFlags) => {
      const reservedBytes = parseBytes(text);
      return edit(flags, id, (settings) => ({ ...settings, reservedBytes }));
    });
  withClusterFlags(nodes.command("forget <id>").description("take a dead node off the list"))
    .addHelpText("after", `\nExample:\n  pomona nodes forget ${exampleId}`)
    .action((id: string, flags: ClusterFlags) => forget(id, flags));
}

function addSwitches(nodes: Command): void {
  const switches: readonly (readonly [string, string, Partial<NodeSettings__Output>])[] = [
    ["drain", "send nothing more there, and let what runs there leave", { isDraining: true }],
    ["undrain", "take it into use again", { isDraining: false }],
    ["cordon", "place nothing new there; what is there goes on", { isCordoned: true }],
    ["uncordon", "place models there again", { isCordoned: false }],
  ];
  for (const [name, description, change] of switches) {
    withClusterFlags(nodes.command(`${name} <id>`).description(description))
      .addHelpText("after", `\nExample:\n  pomona nodes ${name} ${exampleId}`)
      .action((id: string, flags: ClusterFlags) => edit(flags, id, (settings) => ({ ...settings, ...change })));
  }
}

async function list(client: ClusterClient): Promise<readonly Member__Output[]> {
  return (await callCluster(client, pomona.Cluster.service.ListNodes, {})).nodes;
}

/** Edits from the revision that was read: whoever is slower is told. */
async function edit(
  flags: ClusterFlags,
  id: string,
  change: (settings: NodeSettings__Output) => NodeSettings__Output,
): Promise<void> {
  await askCluster(flags, async (client) => {
    const { nodeId, settings, settingsRevision: expectedRevision } = nodeOf(await list(client), id);
    const wanted = change(settings ?? noSettings);
    const request = { nodeId, settings: wanted, expectedRevision };
    const { record } = await callCluster(client, pomona.Cluster.service.PutNodeSettings, request);
    print(flags, record, (kept) => `${nodeId}: ${describeSettings(kept?.settings ?? wanted)}`);
  });
}

const noSettings: NodeSettings__Output = { labels: [], isCordoned: false, isDraining: false, reservedBytes: 0 };

async function forget(id: string, flags: ClusterFlags): Promise<void> {
  await askCluster(flags, async (client) => {
    const { nodeId } = nodeOf(await list(client), id);
    await callCluster(client, pomona.Cluster.service.ForgetNode, { nodeId });
    print(flags, { forgotten: nodeId }, () => `forgot ${nodeId}`);
  });
}

/** The node whose id begins like this. @throws PomonaError `not_found` with those that there are. */
export function nodeOf<Node extends { readonly nodeId: string }>(nodes: readonly Node[], id: string): Node {
  const found = nodes.filter(({ nodeId }) => nodeId.startsWith(id));
  const [node] = found;
  if (node !== undefined && found.length === 1 && id !== "") return node;
  const ids = (found.length === 0 ? nodes : found).map(({ nodeId }) => nodeId).join(", ");
  const why = found.length === 0 ? "is the id of no node; there are" : "begins the ids of several nodes";
  throw new PomonaError("not_found", `${JSON.stringify(id)} ${why}: ${ids || "none"}`);
}

/** `LABEL-` takes off what `LABEL` put on. */
export function labelled(labels: readonly string[], changes: readonly string[]): string[] {
  const removed = changes.filter((label) => label.endsWith("-")).map((label) => label.slice(0, -1));
  const added = changes.filter((label) => !label.endsWith("-"));
  return [...new Set([...labels.filter((label) => !removed.includes(label)), ...added])];
}

function describeSettings({ labels, isCordoned, isDraining, reservedBytes }: NodeSettings__Output): string {
  const words = [
    isDraining ? "draining" : "",
    isCordoned ? "cordoned" : "",
    reservedBytes > 0 ? `${size(reservedBytes)} kept free` : "",
    labels.length > 0 ? `labels ${labels.join(" ")}` : "",
  ].filter((word) => word !== "");
  return words.join(", ") || "nothing set";
}
