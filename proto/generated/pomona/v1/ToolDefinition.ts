// Original file: pomona/v1/generation.proto


export interface ToolDefinition {
  'name'?: (string);
  'description'?: (string);
  /**
   * A JSON schema as JSON text.
   */
  'parameters'?: (string);
  /**
   * Calls that the model makes of its own accord are held to the schema too; those that have to be made always are.
   */
  'strict'?: (boolean);
}

export interface ToolDefinition__Output {
  'name': (string);
  'description': (string);
  /**
   * A JSON schema as JSON text.
   */
  'parameters': (string);
  /**
   * Calls that the model makes of its own accord are held to the schema too; those that have to be made always are.
   */
  'strict': (boolean);
}
