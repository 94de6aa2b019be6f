// The item events of a Responses stream: each delta belongs to something open, each `done` repeats what its deltas gave (formats.md 2.3).
import { has, isText, must } from './base.mjs';

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Deltas that add to a text inside an item: event stem, where its parts are, and the field of `done`. */
const texts = {
  'response.output_text': { list: 'content', index: 'content_index', type: 'output_text', field: 'text' },
  'response.refusal': { list: 'content', index: 'content_index', type: 'refusal', field: 'refusal' },
  'response.reasoning_text': { list: 'content', index: 'content_index', type: 'reasoning_text', field: 'text' },
  'response.reasoning_summary_text': { list: 'summary', index: 'summary_index', type: 'summary_text', field: 'text' },
};
const inputs = {
  'response.function_call_arguments': { type: 'function_call', field: 'arguments' },
  'response.custom_tool_call_input': { type: 'custom_tool_call', field: 'input' },
};
const parts = {
  'response.content_part': { list: 'content', index: 'content_index' },
  'response.reasoning_summary_part': { list: 'summary', index: 'summary_index' },
};

/** What may happen to the thing a stem names; nothing for stems unknown here. */
const verbs = (stem) => {
  if (stem === 'response.output_item' || parts[stem]) return ['added', 'done'];
  return texts[stem] || inputs[stem] ? ['delta', 'done'] : null;
};

export class Items {
  /** The item that is open: {index, item so far, ended: what `done` said of each part}. */
  open = null;

  /** Finished items in the order of their index. */
  done = [];

  take(e) {
    const [, stem, verb] = /^(.*)\.([a-z_]+)$/.exec(e.type) ?? [null, e.type, null];
    const known = verbs(stem);
    if (known) must(known.includes(verb), 'RS-22', `unknown event ${e.type}`);
    if (stem === 'response.output_item') return verb === 'added' ? this.added(e) : this.finished(e);
    const at = this.at(e);
    if (parts[stem]) return this.part(at, e, verb, parts[stem]);
    if (texts[stem]) return this.text(at, e, verb, texts[stem]);
    if (inputs[stem]) return this.input(at, e, verb, inputs[stem]);
    if (stem === 'response.output_text.annotation') return this.annotation(at, e);
    // What server tools tell about their work carries nothing that is checked here.
    return must(/_call[._]|mcp_|image_generation|code_interpreter|keepalive/.test(e.type), 'RS-22', `unknown event ${e.type}`);
  }

  added(e) {
    must(this.open === null, 'RS-21', `item ${e.output_index} is added while another is open`);
    must(e.output_index === this.done.length, 'RS-21', `item ${e.output_index} after ${this.done.length} items`);
    must(isText(e.item?.id) && isText(e.item?.type), 'RS-9', 'an item has an id and a type');
    const { item } = e;
    if (item.type === 'message') must(same(item.content, []) && item.status === 'in_progress', '2.3', 'a message is added empty and in progress');
    if (item.type === 'function_call') must(item.arguments === '' && item.status === 'in_progress' && isText(item.call_id) && isText(item.name), '2.3', 'a call is added with id, name and no arguments');
    if (item.type === 'reasoning') must(same(item.summary, []), '2.3', 'reasoning is added without summary');
    this.open = { index: e.output_index, item: structuredClone(item), ended: new Set() };
  }

  /** The open item an event names, by index and by id. */
  at(e) {
    must(this.open !== null && e.output_index === this.open.index, 'RS-22', `${e.type} names output_index ${e.output_index}, which is not open`);
    if (e.item_id !== undefined) must(e.item_id === this.open.item.id, 'RS-22', `${e.type} names item ${e.item_id}`);
    return this.open;
  }

  part({ item, ended }, e, verb, { list, index }) {
    must(isText(e.item_id), 'RS-22', `${e.type} without item_id`);
    item[list] ??= [];
    const n = e[index];
    if (verb === 'added') {
      must(n === item[list].length, 'RS-22', `part ${n} after ${item[list].length} parts`);
      must(n === 0 || ended.has(`${list}${n - 1}`), 'RS-21', `part ${n} is added while another is open`);
      item[list].push(structuredClone(e.part));
      return;
    }
    must(n < item[list].length, 'RS-22', `part ${n} was never added`);
    const field = e.part.type === 'refusal' ? 'refusal' : 'text';
    must(e.part[field] === item[list][n][field], 'RS-20', `${e.type} does not repeat what its deltas gave`);
    must(ended.has(`${list}${n}`), '2.3', `${e.type} before the text is done`);
    item[list][n] = e.part;
  }

  text({ item, ended }, e, verb, { list, index, type, field }) {
    must(isText(e.item_id), 'RS-22', `${e.type} without item_id`);
    const part = item[list]?.[e[index]];
    must(part, 'RS-22', `${e.type} names ${index} ${e[index]}, which was never added`);
    must(part.type === type, 'RS-22', `${e.type} in a part of type ${part.type}`);
    must(!ended.has(`${list}${e[index]}`), '2.3', `${e.type} after done`);
    if (verb === 'delta') {
      must(typeof e.delta === 'string', '2.3', 'a delta is a text');
      part[field] += e.delta;
      return;
    }
    must(e[field] === part[field], 'RS-20', `${e.type} does not repeat what its deltas gave`);
    ended.add(`${list}${e[index]}`);
  }

  annotation({ item }, e) {
    const part = item.content?.[e.content_index];
    must(part, 'RS-22', 'an annotation of a part that was never added');
    part.annotations = [...(part.annotations ?? []), e.annotation];
  }

  input({ item, ended }, e, verb, { type, field }) {
    must(item.type === type, 'RS-22', `${e.type} in an item of type ${item.type}`);
    must(isText(e.item_id), 'RS-22', `${e.type} without item_id`);
    must(!ended.has(field), '2.3', `${e.type} after done`);
    if (verb === 'delta') {
      item[field] += e.delta;
      return;
    }
    must(item[field] === '' || e[field] === item[field], 'RS-20', `${e.type} does not repeat what its deltas gave`);
    item[field] = e[field];
    ended.add(field);
  }

  finished(e) {
    const { item, ended } = this.at(e);
    const { item: last } = e;
    must(last.id === item.id && last.type === item.type, 'RS-22', 'an item changes its id or type');
    for (const list of ['content', 'summary'])
      if (item.type === 'message' || item.type === 'reasoning') {
        const saidIn = (v) => (v[list] ?? []).map((p) => p.text ?? p.refusal);
        must(same(saidIn(last), saidIn(item)), 'RS-20', `output_item.done does not repeat the ${list}`);
      }
    if (item.type === 'function_call' || item.type === 'custom_tool_call') {
      const field = item.type === 'function_call' ? 'arguments' : 'input';
      must(ended.has(field), 'RS-24', `a call is done before its ${field}`);
      must(last[field] === item[field], 'RS-20', `output_item.done does not repeat the ${field}`);
    }
    if (item.type === 'message' || item.type === 'function_call') {
      has(last, ['status'], 'RS-9', 'item');
      must(['completed', 'incomplete'].includes(last.status), '2.3', `an item is done with status ${last.status}`);
    }
    this.done.push(last);
    this.open = null;
  }

  closed() {
    must(this.open === null, 'RS-21', 'the response ends while an item is open');
  }
}
