/** Why something that is not text is refused. */
export function textAlone(model: string): string {
  return `model ${model.slice(0, 100)} takes text alone, no images, sound or files`;
}
