import type { NodeId } from "@pomona/shared/core/ids";
import type { Announcement } from "./core/effect.ts";

/** An announcement for people, in a sentence without its full stop. */
export function announcementText(announcement: Announcement): string {
  switch (announcement.kind) {
    case "memberChanged": {
      const { nodeId, from, to } = announcement;
      return from === null ? `${node(nodeId)} was found and is ${to}` : `${node(nodeId)} was ${from} and is ${to}`;
    }
    case "memberForgotten":
      return `${node(announcement.nodeId)} was forgotten`;
    case "membersFull":
      return `${node(announcement.nodeId)} is ignored, because the pool has ${announcement.membersMax} nodes already`;
    case "oddReport":
      return `${node(announcement.nodeId)} reports what cannot be: ${announcement.what}`;
    case "requestMoved": {
      const { requestId, from, reason } = announcement;
      return `request ${requestId} left ${node(from)} and goes on elsewhere: ${reason}`;
    }
    case "loadFailed": {
      const { nodeId, model, message } = announcement;
      return `${model} could not be loaded on ${node(nodeId)}: ${message}`;
    }
  }
}

/** The node that an announcement is about; empty for none. */
export function nodeOf(announcement: Announcement): NodeId {
  if ("nodeId" in announcement) return announcement.nodeId;
  return announcement.kind === "requestMoved" ? announcement.from : "";
}

/** The first eight digits tell the nodes of one pool apart; events carry the whole id beside the text. */
function node(nodeId: NodeId): string {
  return `node ${nodeId.slice(0, 8)}`;
}
