// Original file: pomona/v1/generation.proto


export interface ToolDefinition {
  'name'?: (string);
  'description'?: (string);
  /**
   * A JSON schema as JSON text.
   */
  'parameters'?: (string);
}

export interface ToolDefinition__Output {
  'name': (string);
  'description': (string);
  /**
   * A JSON schema as JSON text.
   */
  'parameters': (string);
}
