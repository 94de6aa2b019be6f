// What all client-side checkers share: a failure that names its rule, and framings read without mercy.

/** An answer a strict client would break on: the rule's id in the reference, and what was seen. */
export class Broken extends Error {
  constructor(rule, message) {
    super(`${rule}: ${message}`);
    this.rule = rule;
  }
}

export const must = (ok, rule, message) => {
  if (!ok) throw new Broken(rule, message);
};

export const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
export const isCount = (v) => Number.isInteger(v) && v >= 0;
export const isText = (v) => typeof v === 'string' && v !== '';

/** The object's fields are there, null or not. */
export const has = (v, fields, rule, where) => {
  must(isObject(v), rule, `${where} is not an object: ${JSON.stringify(v)}`);
  for (const f of fields) must(Object.hasOwn(v, f), rule, `${where}.${f} is missing`);
};

export const parse = (text, rule) => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Broken(rule, `not JSON: ${text.slice(0, 200)}`);
  }
};

/** Arguments must be one JSON object; gives the text back. */
export const objectText = (text, rule) => {
  must(isObject(parse(text, rule)), rule, `not a JSON object: ${text}`);
  return text;
};

/** An answer in words all formats share; a checker fills in what it sees. */
export const blank = () => ({
  id: null, model: null, text: '', thinking: '', signatures: [], refusal: null, calls: [], finish: null, stopSequence: null, usage: null, error: null, raw: [],
});

/**
 * The events of a clean stream: {event, data}. Each has one `data:` line and ends with an empty line, and nothing is left at the
 * end (CC-17, GC-7). Comment lines are passed over (CC-16).
 */
export function sse(text) {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  if (text === '') return [];
  must(text.endsWith(end + end), 'GC-7', `the stream ends inside an event: ${JSON.stringify(text.slice(-80))}`);
  return text.slice(0, -2 * end.length).split(end + end).flatMap((frame) => {
    const lines = frame.split(end).filter((line) => !line.startsWith(':'));
    if (lines.length === 0) return [];
    const out = { event: null, data: null };
    for (const line of lines) {
      const found = /^(event|data): (.*)$/s.exec(line);
      must(found, 'CC-17', `not a line of an event: ${JSON.stringify(line.slice(0, 200))}`);
      must(out[found[1]] === null, 'CC-17', `two ${found[1]} lines in one event`);
      [, , out[found[1]]] = found;
    }
    must(out.data !== null, 'CC-16', `an event without data: ${JSON.stringify(frame)}`);
    return [out];
  });
}

/** Usage in words all formats share; unknown counts are 0. */
export const usageOf = ({ input, cached = 0, written = 0, output, reasoning = 0 }) => ({ input, cached, written, output, reasoning });
