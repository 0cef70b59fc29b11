import type { InspectModelResponse__Output } from "@pomona/proto/generated/pomona/v1/InspectModelResponse";
import { sizingOfHeaders } from "@pomona/shared/core/model-headers";
import { modelFilesFromWire } from "@pomona/shared/grpc/wire-files";
import type { Inspection } from "../core/model-sources.ts";

/** What a node says of a source. @throws PomonaError `invalid_model` when the headers are those of no model. */
export function inspectionFromWire(wire: InspectModelResponse__Output): Inspection {
  const files = modelFilesFromWire("files", wire.files);
  const variants = wire.variants.map(({ quant, files: own }) => ({
    quant,
    files: modelFilesFromWire("variants", own),
  }));
  const sizing = files.length === 0 ? null : sizingOfHeaders(files, wire.headers);
  return { files, isInPlace: wire.isInPlace, pinnedSource: wire.pinnedSource, variants, sizing };
}
