// The two schema dialects of Gemini: the OpenAPI subset of `parameters` and `responseSchema`, and JSON Schema without `$schema` (formats.md 4.7).
import { anyObject, fail } from './check.mjs';

const types = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'];
const camel = (text) => text.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase());

const openApi = new Set([
  'type', 'format', 'title', 'description', 'nullable', 'enum', 'items', 'maxItems', 'minItems', 'properties', 'required', 'minProperties',
  'maxProperties', 'minLength', 'maxLength', 'pattern', 'example', 'anyOf', 'propertyOrdering', 'default', 'minimum', 'maximum',
]);
const formats = {
  string: ['enum', 'date-time'], number: ['float', 'double'], integer: ['int32', 'int64'], array: [], object: [], boolean: [], null: [],
};

/** A schema of the OpenAPI subset; anything JSON Schema knows beyond it is an unknown name to this API. */
export function checkOpenApiSchema(schema, p) {
  anyObject(schema, p);
  const seen = new Set();
  for (const key of Object.keys(schema)) {
    const field = camel(key);
    if (!openApi.has(field)) fail(p, `Invalid JSON payload received. Unknown name "${key}": Cannot find field.`);
    if (seen.has(field)) fail(p, `'${field}' was given in both spellings`);
    seen.add(field);
  }
  if (Array.isArray(schema.type)) fail(`${p}.type`, 'Proto field is not repeating, cannot start list.');
  const type = String(schema.type ?? '').toLowerCase();
  if (schema.type === undefined) {
    if (!schema.anyOf && !schema.any_of) fail(`${p}.type`, 'must be specified');
  } else if (typeof schema.type !== 'string' || !types.includes(type)) fail(`${p}.type`, `Invalid value ${JSON.stringify(schema.type)}`);
  if (schema.enum) checkEnum(schema.enum, type, `${p}.enum`);
  if (schema.format !== undefined && !formats[type]?.includes(schema.format)) fail(`${p}.format`, `only ${formats[type]?.join(', ')} are supported for ${type.toUpperCase()} type`);
  if (type === 'array' && !schema.items) fail(`${p}.items`, 'missing field');
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(schema.properties ?? {}, name)) fail(`${p}.required`, `property is not defined: ${name}`);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) checkOpenApiSchema(inner, `${p}.properties[${name}]`);
  if (schema.items) checkOpenApiSchema(schema.items, `${p}.items`);
  for (const [i, inner] of (schema.anyOf ?? schema.any_of ?? []).entries()) checkOpenApiSchema(inner, `${p}.anyOf[${i}]`);
}

function checkEnum(values, type, p) {
  if (type !== 'string') fail(p, 'only allowed for STRING type');
  for (const v of values) {
    if (typeof v !== 'string') fail(p, 'Invalid value, expected a string');
    if (v === '') fail(p, 'cannot be empty');
  }
}

/** A JSON Schema: free but for types of another spelling; a gateway also leaves `$schema` out, which strict hosts refuse (GM-10). */
export function checkJsonSchema(schema, p, c) {
  if (typeof schema === 'boolean') return;
  anyObject(schema, p);
  if (c.ours && '$schema' in schema) fail(p, 'Invalid JSON payload received. Unknown name "$schema": Cannot find field.');
  for (const type of [schema.type ?? []].flat())
    if (!types.includes(String(type))) fail(`${p}.type`, `${JSON.stringify(type)} is not a type of JSON Schema`);
  for (const key of ['properties', '$defs', 'definitions', 'patternProperties'])
    for (const [name, inner] of Object.entries(schema[key] ?? {})) checkJsonSchema(inner, `${p}.${key}[${name}]`, c);
  for (const key of ['items', 'additionalProperties', 'not', 'contains', 'propertyNames', 'if', 'then', 'else'])
    if (schema[key] !== undefined) checkJsonSchema(schema[key], `${p}.${key}`, c);
  for (const key of ['anyOf', 'oneOf', 'allOf', 'prefixItems'])
    for (const [i, inner] of (schema[key] ?? []).entries()) checkJsonSchema(inner, `${p}.${key}[${i}]`, c);
}
