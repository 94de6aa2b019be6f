// A deterministic corpus of templates with contexts: the same on every run and every machine.

/** A small generator of numbers with a seed. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const contexts = [
  { s: 'Hello World', e: '', i: 42, neg: -7, f: 1.5, t: true, no: null, l: [3, 1, 2], words: ['pear', 'Apple', 'fig'], m: { a: 1, b: 'two', c: [1, 2] },
    users: [{ age: 30, name: 'Zoe' }, { age: 25, name: 'adam' }, { age: 30, name: 'Bob' }], nested: { x: { y: { z: 'deep' } } }, html: '<b>"&\'</b>', uni: 'Grüße Ж ∑' },
  { s: 'a,b,,c', e: ' ', i: 0, neg: -1, f: 0.25, t: false, no: null, l: [], words: ['x'], m: {}, users: [], nested: { x: {} }, html: 'plain', uni: 'éàü' },
  { s: 'line one\nline two\n\nend', e: '', i: 7, neg: -100, f: 2.75, t: true, no: null, l: [1, 1, 2, 3, 5, 8], words: ['b', 'a', 'B', 'A'], m: { k: { n: null } },
    users: [{ age: 1, name: 'x' }], nested: { x: { y: 5 } }, html: 'a/b', uni: '日本語' },
];

const numbers = ['0', '1', '2', '3', '10', '-4', '1.5', '0.5', '2.0', '1_000', '0x1f', 'i', 'neg', 'f', 'l|length', 'loop.index'];
const texts = ["'a'", "'Hello'", '"x y z"', "'a' 'b'", "'tab\\tnew\\nline'", "'\\u00e9\\x41'", "''", 's', 'e', 'uni', 'html', 'words[0]', 'nested.x.y.z', 'm.b'];
const lists = ['l', 'words', '[1, 2, 3]', "['b', 'a']", '[]', 'range(4)', 'range(2, 8, 3)', '(1, 2)', 'users|map(attribute="age")', '[[1, 2], [3]]', '[none, true, 1.5]', 'l[1:]', 'words[::-1]', 'l + [9]'];
const maps = ['m', 'nested.x', '{}', "{'a': 1, 'b': [2]}", 'dict(a=1, b=2)', 'users[0]'];
const names = ['missing', 'nested.missing', 'm.zzz', 'l[99]'];
const filtersOfText = ['upper', 'lower', 'title', 'capitalize', 'trim', 'length', 'count', 'reverse', 'list', "replace('a', 'o')", 'lines', "split", "split(',')", "split(',', 1)", 'string', 'e', 'escape',
  'indent', 'indent(2)', 'indent(2, true)', 'safe', 'int', 'float', 'bool', 'first', 'last', 'urlencode', 'pprint', "default('d')", "d('d')", 'sort', 'unique', "trim('a')", 'nofilter'];
const filtersOfNumber = ['abs', 'int', 'float', 'round', 'round(1)', 'string', 'bool', "default('d')", 'pprint', 'length', 'e'];
const filtersOfList = ['length', 'first', 'last', 'join', "join('-')", 'sort', 'sort(reverse=true)', 'reverse', 'list', 'unique', 'sum', 'min', 'max', 'batch(2)', 'batch(2, 0)', 'slice(2)', "map('string')", "map('upper')",
  "select('odd')", "reject('none')", 'select', "map(attribute='name')", "selectattr('age', 'ge', 25)", "groupby('age')", 'tojson', 'pprint', 'string', "zip([1, 2])", "chain([7])", "rejectattr('name')", 'count', "map(attribute='x', default='-')"];
const filtersOfMap = ['length', 'items', 'dictsort', "dictsort(by='value')", 'list', 'tojson', 'pprint', "attr('a')", 'string', 'first', 'dictsort(reverse=true)', 'items|list|length'];
const tests = ['defined', 'undefined', 'none', 'string', 'number', 'integer', 'float', 'boolean', 'true', 'false', 'odd', 'even', 'mapping', 'sequence', 'iterable', 'lower', 'upper', 'eq(1)', 'ne(1)', 'gt(1)', 'lt(1)', 'ge(1)', 'le(1)',
  "in([1, 'a'])", "startingwith('H')", "endingwith('d')", 'divisibleby(2)', 'escaped', 'safe', 'filter', 'test', 'sameas(1)', 'notest'];
const arithmetic = ['+', '-', '*', '/', '//', '%', '~'];
const comparisons = ['==', '!=', '<', '<=', '>', '>='];

class Writer {
  constructor(random) {
    this.random = random;
    this.depth = 0;
  }

  pick(list) {
    return list[this.random(list.length)];
  }

  one(...choices) {
    return choices[this.random(choices.length)]();
  }

  nest(make, shallow) {
    if (this.depth > 3) return shallow();
    this.depth++;
    const text = make();
    this.depth--;
    return text;
  }

  number() {
    return this.nest(() => this.one(() => this.pick(numbers), () => this.pick(numbers), () => `${this.number()} ${this.pick(['+', '-', '*', '/', '//', '%'])} ${this.number()}`,
      () => `(${this.number()})`, () => `-${this.pick(['i', '3', 'f'])}`, () => `${this.pick(['2', 'i', '3'])} ** ${this.pick(['2', '3', '0'])}`, () => `(${this.number()})|${this.pick(filtersOfNumber)}`), () => this.pick(numbers));
  }

  text() {
    return this.nest(() => this.one(() => this.pick(texts), () => this.pick(texts), () => `${this.text()} ~ ${this.any()}`, () => `(${this.text()})|${this.pick(filtersOfText)}`,
      () => `${this.pick(texts)}|${this.pick(filtersOfText)}`, () => `${this.pick(['s', "'abc'"])}[${this.pick(['0', '-1', '1:', ':2', '::2', '1:3'])}]`, () => `'ab' * ${this.pick(['2', '3'])}`), () => this.pick(texts));
  }

  list() {
    return this.nest(() => this.one(() => this.pick(lists), () => this.pick(lists), () => `(${this.pick(lists)})|${this.pick(filtersOfList)}`, () => `[${this.any()}, ${this.any()}]`,
      () => `(${this.pick(lists)})|${this.pick(filtersOfList)}|${this.pick(filtersOfList)}`), () => this.pick(lists));
  }

  map() {
    return this.nest(() => this.one(() => this.pick(maps), () => `(${this.pick(maps)})|${this.pick(filtersOfMap)}`, () => `{'a': ${this.any()}, 'b': ${this.any()}}`), () => this.pick(maps));
  }

  condition() {
    return this.nest(() => this.one(() => `${this.number()} ${this.pick(comparisons)} ${this.number()}`, () => `${this.any()} is ${this.pick(['', 'not '])}${this.pick(tests)}`, () => `not ${this.condition()}`,
      () => `${this.condition()} ${this.pick(['and', 'or'])} ${this.condition()}`, () => `${this.any()} ${this.pick(['in', 'not in'])} ${this.list()}`, () => `${this.any()} == ${this.any()}`, () => this.any()), () => this.pick(['t', 'true', 'false', 'no', 'missing']));
  }

  any() {
    return this.nest(() => this.one(() => this.number(), () => this.text(), () => this.list(), () => this.map(), () => this.pick(['t', 'no', 'none', 'true', 'False']), () => this.pick(names),
      () => `(${this.any()} if ${this.condition()} else ${this.any()})`, () => `(${this.any()} if ${this.condition()})`, () => `(${this.pick(['missing', 'no', 'e', 's'])}|default(${this.text()}))`), () => this.pick(['1', "'a'", 'l']));
  }

  tag(inside) {
    const a = this.pick(['', '', '', '-', '+']);
    const b = this.pick(['', '', '', '-']);
    return `{%${a} ${inside} ${b}%}`;
  }

  statement() {
    return this.nest(() => this.one(() => `{{ ${this.any()} }}`, () => `{{ ${this.any()} }}`, () => `{{- ${this.text()} -}}`, () => this.pick(['text ', '\n', ' \n  ', 'é', '{# note #}', '{#- note -#} ', '# {x} % ']),
      () => `${this.tag(`if ${this.condition()}`)}${this.body()}${this.tag('else')}${this.body()}${this.tag('endif')}`,
      () => `${this.tag(`if ${this.condition()}`)}${this.body()}${this.tag(`elif ${this.condition()}`)}${this.body()}${this.tag('endif')}`,
      () => `${this.tag(`for x in ${this.list()}`)}${this.pick(['{{ x }}', '{{ loop.index }}:{{ x }},', '{{ loop.first }}{{ loop.last }}', "{{ loop.cycle('a', 'b') }}", '{{ loop.revindex0 }}/{{ loop.length }} ', '{{ loop.previtem }}<{{ x }}'])}${this.body()}${this.tag('endfor')}`,
      () => `${this.tag(`for x in ${this.list()} if ${this.condition()}`)}{{ x }};${this.tag('else')}none${this.tag('endfor')}`,
      () => `${this.tag(`for k, v in ${this.pick(['m|items', 'm|dictsort', '[[1, 2], [3, 4]]'])}`)}{{ k }}={{ v }} ${this.tag('endfor')}`,
      () => `${this.tag(`set v = ${this.any()}`)}{{ v }}`, () => `${this.tag('set v')}${this.body()}${this.tag('endset')}[{{ v }}]`, () => `${this.tag(`with v = ${this.any()}`)}{{ v }}${this.tag('endwith')}`,
      () => `${this.tag(`filter ${this.pick(['upper', 'trim', 'title', "replace('a', 'b')"])}`)}${this.body()}${this.tag('endfilter')}`,
      () => `${this.tag('macro f(a, b=2)')}${this.pick(['{{ a }}-{{ b }}', '{{ a|string|upper }}'])}${this.tag('endmacro')}{{ f(${this.any()}) }}`,
      () => `${this.tag('raw')}{{ not }} {% this %}${this.tag('endraw')}`, () => `${this.tag('set ns = namespace(n=0)')}{% for x in ${this.pick(lists)} %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}`,
      () => `${this.tag("autoescape 'html'")}{{ ${this.text()} }}${this.tag('endautoescape')}`), () => this.pick(['x', ' ', '\n']));
  }

  body() {
    let text = '';
    for (let left = 1 + this.random(2); left > 0; left--) text += this.statement();
    return text;
  }

  template() {
    let text = '';
    for (let left = 1 + this.random(4); left > 0; left--) text += this.statement();
    const kind = this.random(40);
    // A few that are broken, in the one way or the other.
    if (kind === 0) return text + this.pick(['{{ }}', '{% if %}', '{% endfor %}', '{{ 1 + }}', '{% for x %}', "{{ 'a }}", '{{ a b }}', '{% unknown %}', '{{ [1, }}', '{% if t %}', '{{ x|}}', '{{ f( }}']);
    return text + this.pick(['', '', '\n', '\n\n']);
  }
}

/** `count` templates; the second half lenient, the first strict. */
export function corpus(count) {
  const random = randomOf(20260102);
  const writer = new Writer(random);
  return Array.from({ length: count }, (_, i) => ({ template: writer.template(), context: contexts[random(contexts.length)], strict: i < count / 2 }));
}
