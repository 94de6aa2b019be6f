// A small strict shape checker: what it is not told about, it refuses.

/** One refusal of a request: where in the body, why, and the vendor's machine-readable code. */
export class Refusal extends Error {
  constructor(path, message, extra = {}) {
    super(path ? `${path}: ${message}` : message);
    this.path = path;
    this.reason = message;
    this.status = extra.status ?? 400;
    this.type = extra.type;
    this.code = extra.code ?? null;
  }
}

export const fail = (path, message, extra) => {
  throw new Refusal(path, message, extra);
};

const kindOf = (v) => (v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v);
const at = (path, key) => (path === '' ? String(key) : `${path}.${key}`);

export const any = () => {};

export const str = ({ min = 0, max = Infinity, re, values, hint } = {}) => (v, p) => {
  if (typeof v !== 'string') fail(p, `expected a string, got ${kindOf(v)}`);
  if (v.length < min) fail(p, `string too short, at least ${min}`);
  if (v.length > max && [...v].length > max) fail(p, `string too long, at most ${max}`);
  if (re && !re.test(v)) fail(p, hint ?? `string does not match ${re}`);
  if (values && !values.includes(v)) fail(p, `'${v}' is not one of ${values.join(', ')}`);
  if (!v.isWellFormed()) fail(p, 'string holds half a surrogate pair');
};

export const num = ({ min = -Infinity, max = Infinity, integer = false } = {}) => (v, p) => {
  if (typeof v !== 'number') fail(p, `expected a number, got ${kindOf(v)}`);
  if (integer && !Number.isInteger(v)) fail(p, 'expected an integer');
  if (v < min || v > max) fail(p, `${v} is out of range ${min}..${max}`);
};

export const int = (o = {}) => num({ ...o, integer: true });

export const bool = (v, p) => {
  if (typeof v !== 'boolean') fail(p, `expected a boolean, got ${kindOf(v)}`);
};

export const nullable = (inner) => (v, p, c) => {
  if (v !== null) inner(v, p, c);
};

export const list = (inner, { min = 0, max = Infinity } = {}) => (v, p, c) => {
  if (!Array.isArray(v)) fail(p, `expected an array, got ${kindOf(v)}`);
  if (v.length < min) fail(p, `array too short, at least ${min}`);
  if (v.length > max) fail(p, `array too long, at most ${max}`);
  v.forEach((item, i) => inner(item, at(p, i), c));
};

export const anyObject = (v, p) => {
  if (kindOf(v) !== 'object') fail(p, `expected an object, got ${kindOf(v)}`);
};

/** An object with these required and optional fields and no other. */
export const object = (required, optional = {}) => (v, p, c) => {
  anyObject(v, p);
  for (const key of Object.keys(required))
    if (!(key in v)) fail(at(p, key), 'Field required', { code: 'missing_required_parameter' });
  for (const key of Object.keys(v)) {
    const inner = required[key] ?? optional[key];
    if (!inner || !Object.hasOwn(required[key] ? required : optional, key))
      fail(at(p, key), 'Extra inputs are not permitted', { code: 'unknown_parameter' });
    inner(v[key], at(p, key), c);
  }
};

/** Chooses the shape by the text in the field `tag`. */
export const tagged = (tag, shapes, otherwise) => (v, p, c) => {
  anyObject(v, p);
  if (typeof v[tag] !== 'string') fail(at(p, tag), 'Field required');
  const shape = Object.hasOwn(shapes, v[tag]) ? shapes[v[tag]] : otherwise?.(v[tag]);
  if (!shape) fail(at(p, tag), `'${v[tag]}' is not a known ${tag}`);
  shape(v, p, c);
};

/** A string, or else the other shape. */
export const strOr = (string, other) => (v, p, c) => (typeof v === 'string' ? string : other)(v, p, c);

export const constant = (value) => (v, p) => {
  if (v !== value) fail(p, `expected ${JSON.stringify(value)}`);
};

/** Fields of an object as a map of one value shape. */
export const map = (inner, { max = Infinity } = {}) => (v, p, c) => {
  anyObject(v, p);
  if (Object.keys(v).length > max) fail(p, `at most ${max} entries`);
  for (const key of Object.keys(v)) inner(v[key], at(p, key), c);
};

/** Runs the shape, then the extra rule on the same value. */
export const also = (shape, rule) => (v, p, c) => {
  shape(v, p, c);
  rule(v, p, c);
};

/** Parses a body the way the vendors do, and harder: UTF-8, no BOM, one object, no repeated key. */
export function parseBody(bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail('', 'The request body is not valid UTF-8');
  }
  if (text.startsWith('\ufeff')) fail('', 'The request body begins with a byte order mark');
  let value;
  try {
    value = JSON.parse(text);
  } catch (e) {
    fail('', `The request body is not valid JSON: ${e.message}`);
  }
  if (kindOf(value) !== 'object') fail('', 'The request body is not a JSON object');
  const repeated = text.length < 1 << 24 ? repeatedKey(text) : null;
  if (repeated !== null) fail(repeated, 'key appears twice in one object');
  return value;
}

/** The first key that one object of this (valid) JSON text holds twice, or null. */
export function repeatedKey(text) {
  const open = [];
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs;
  let expectKey = false;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const t = m[0];
    if (t === '{') open.push(new Set());
    else if (t === '[') open.push(null);
    else if (t === '}' || t === ']') open.pop();
    else if (t[0] === '"' && expectKey && open.at(-1)) {
      const key = JSON.parse(t);
      if (open.at(-1).has(key)) return key;
      open.at(-1).add(key);
    }
    expectKey = t === '{' || (t === ',' && open.at(-1) != null);
  }
  return null;
}

const magic = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['application/pdf', [0x25, 0x50, 0x44, 0x46]],
];

/** Media type told by the first bytes, or null. */
export function sniff(bytes) {
  for (const [type, head] of magic) if (head.every((b, i) => bytes[i] === b)) return type;
  if (bytes.subarray(0, 4).toString('latin1') === 'RIFF') {
    const form = bytes.subarray(8, 12).toString('latin1');
    if (form === 'WEBP') return 'image/webp';
    if (form === 'WAVE') return 'audio/wav';
  }
  return null;
}

/** Decodes strict base64 (no white space, no URL-safe letters, right padding) or refuses. */
export function base64(text, path) {
  if (typeof text !== 'string' || text === '') fail(path, 'base64 data is missing');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) fail(path, 'invalid base64 data');
  return Buffer.from(text, 'base64');
}

/** Refuses image data whose bytes are not what its media type says. */
export function imageData(mediaType, data, path) {
  const allowed = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
  if (!allowed.includes(mediaType)) fail(path, `'${mediaType}' is not one of ${allowed.join(', ')}`);
  const bytes = base64(data, path);
  const seen = sniff(bytes);
  if (seen !== mediaType)
    fail(path, `The image was specified using the ${mediaType} media type, but it appears to be ${seen ?? 'no image'}`);
  return bytes;
}

/** Walks every sub-schema of a JSON Schema. */
export function eachSchema(schema, path, visit) {
  if (kindOf(schema) !== 'object') return;
  visit(schema, path);
  for (const key of ['properties', '$defs', 'definitions', 'patternProperties'])
    if (kindOf(schema[key]) === 'object')
      for (const name of Object.keys(schema[key])) eachSchema(schema[key][name], `${path}.${key}.${name}`, visit);
  for (const key of ['items', 'not', 'additionalProperties', 'contains', 'if', 'then', 'else'])
    eachSchema(schema[key], `${path}.${key}`, visit);
  for (const key of ['anyOf', 'oneOf', 'allOf', 'prefixItems'])
    if (Array.isArray(schema[key])) schema[key].forEach((s, i) => eachSchema(s, `${path}.${key}.${i}`, visit));
}

const isObjectSchema = (s) => s.type === 'object' || (Array.isArray(s.type) && s.type.includes('object'));

/** Refuses an object schema that leaves additional properties open. */
export function closedObjects(schema, path) {
  eachSchema(schema, path, (s, p) => {
    if (isObjectSchema(s) && s.additionalProperties !== false)
      fail(p, "For 'object' type, 'additionalProperties' must be explicitly set to false");
  });
}

/** Refuses an object schema that does not require every property it names. */
export function allRequired(schema, path) {
  eachSchema(schema, path, (s, p) => {
    if (!isObjectSchema(s)) return;
    for (const name of Object.keys(s.properties ?? {}))
      if (!(s.required ?? []).includes(name))
        fail(p, `'required' is required to be an array including every key in properties. Missing '${name}'`);
  });
}

/** A value that fits the schema, made without chance: the same schema gives the same value. */
export function sample(schema, root = schema, depth = 0) {
  if (kindOf(schema) !== 'object' || depth > 20) return null;
  if (typeof schema.$ref === 'string') {
    const target = schema.$ref
      .replace(/^#\/?/, '')
      .split('/')
      .filter(Boolean)
      .reduce((node, key) => node?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], root);
    return sample(target, root, depth + 1);
  }
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  for (const key of ['anyOf', 'oneOf', 'allOf']) if (Array.isArray(schema[key])) return sample(schema[key][0], root, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object' || schema.properties)
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, s]) => [name, sample(s, root, depth + 1)]),
    );
  if (type === 'array') return schema.items ? [sample(schema.items, root, depth + 1)] : [];
  return { string: 'text', integer: 7, number: 1.5, boolean: true }[type] ?? null;
}
