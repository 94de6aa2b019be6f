// JSON text inside JSON: arguments keep the digits and the order they were written with.

class RawJson {
  constructor(text) {
    this.text = text;
  }
}

/** Marks a text that is JSON already; stringify() puts it out as it stands. */
export const rawJson = (text) => new RawJson(text);

/** JSON.stringify that leaves rawJson() texts alone. */
export function stringify(value) {
  const texts = [];
  const marked = JSON.stringify(value, (key, v) => (v instanceof RawJson ? `\u0001${texts.push(v.text) - 1}\u0001` : v));
  return texts.length === 0 ? marked : marked.replace(/"\\u0001(\d+)\\u0001"/g, (_, n) => texts[n]);
}
