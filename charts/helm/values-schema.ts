import { z } from 'zod';
import { valuesSchema } from '../values/schema.ts';

/**
 * values.schema.json. Helm checks what comes of the defaults and the user's values together, so every key is required:
 * a null, by which Helm takes a default away, is refused.
 */
export function valuesJsonSchema(): object {
  const schema = z.toJSONSchema(valuesSchema, { io: 'output', target: 'draft-7' }) as { properties: object };
  // Helm itself puts `global` there when the chart is part of another.
  return { ...schema, title: 'Values of Landbridge', properties: { ...schema.properties, global: { type: 'object' } } };
}
