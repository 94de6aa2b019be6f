// Section 6 of the runner's specification: templates, through the command `render` and through workflows.
import assert from 'node:assert/strict';
import { ask, flow, lab, shell, test } from './lab.mjs';

/** Renders each template with the same context in one call: a list of texts, or {error}. */
async function renderAll(t, templates, context = {}, ...options) {
  const place = lab(t);
  const done = await place.cliWith({ input: templates.map((template) => JSON.stringify({ template, context })).join('\n') }, 'render', '--lines', ...options, '-');
  const lines = done.stdout.split('\n').filter((l) => l !== '').map((l) => JSON.parse(l));
  assert.equal(lines.length, templates.length, done.stderr);
  return lines;
}
const printed = (line) => line.output ?? line.result ?? line.text ?? line;

/** A table of [template, output]; one test for each row, all rendered in one process. */
function table(prefix, rows, context = {}) {
  for (const [name, ...cases] of rows)
    test(`${prefix}: ${name}`, async (t) => {
      const lines = await renderAll(t, cases.map(([template]) => template), context);
      cases.forEach(([template, want], n) => {
        if (want instanceof RegExp) {
          assert.equal(lines[n].output, undefined, `${template} gave ${JSON.stringify(lines[n])}`);
          assert.match(JSON.stringify(lines[n].error ?? lines[n]), want, template);
        } else assert.equal(printed(lines[n]), want, `${template} gave ${JSON.stringify(lines[n])}`);
      });
    });
}

// ---------------------------------------------------------------- undefined

test('strict undefined: a typo has line and column of the file, and the likely step', async (t) => {
  const place = lab(t, { workflows: { w: '[[steps]]\nname = "analyze"\ntype = "shell"\nrun = "true"\n[[steps]]\nname = "s"\ntype = "shell"\nrun = """\nfirst\necho {{ steps.anaylze.output }}\n"""\n' } });
  for (const command of ['validate', 'run']) {
    const done = await place.cli(command, 'w');
    assert.notEqual(done.code, 0);
    assert.match(done.stderr, /w\.toml:10:\d+/);
    assert.match(done.stderr, /steps\.anaylze/);
    assert.match(done.stderr, /did you mean .?analyze/);
    assert.match(done.stderr, /\^/);
  }
});

test('strict undefined: at run time it names the whole path, the step and the key', async (t) => {
  const place = lab(t, { workflows: { w: flow({ src: shell(`echo '{"known": {"a": 1}}'`), s: shell('echo {{ steps.src.data.konwn.a }}') }) } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /w\.toml:\d+:\d+/);
  assert.match(done.stderr, /steps\.src\.data\.konwn/);
  assert.match(done.stderr, /did you mean .?known/);
  assert.match(done.stderr, /\bs\b[^]*run|run[^]*\bs\b/);
});

table('strict undefined', [
  ['printing, iterating, truth and fields are errors', ['{{ nope }}', /nope/], ['{% for x in nope %}{% endfor %}', /nope/], ['{% if nope %}{% endif %}', /nope/], ['{{ nope.a }}', /nope/], ['{{ known.nope.a }}', /nope/]],
  ['comparing never is, and filters may take it', ['{{ nope == 1 }}', 'false'], ['{{ nope is defined }}', 'false'], ['{{ nope | default("d") }}', 'd'], ['{{ "x" if false }}', '']],
], { known: {} });

test('strict undefined: lenient prints nothing', async (t) => {
  const lines = await renderAll(t, ['[{{ nope }}]', '[{% for x in nope %}{% endfor %}]', '{% if nope %}a{% else %}b{% endif %}', '{{ nope.a.b }}'], {}, '--lenient');
  assert.deepEqual(lines.slice(0, 3).map(printed), ['[]', '[]', 'b']);
  assert.match(JSON.stringify(lines[3]), /nope/);
});

// ---------------------------------------------------------------- syntax

table('whitespace control', [
  ['minus removes, plus keeps', ['a \n{%- if true -%}\n b \n{%- endif -%}\n c', 'abc'], ['a {{- " x " -}} b', 'a x b'], ['a {#- c -#} b', 'ab'], ['a\n{%+ if true %}b{% endif %}', 'a\nb']],
  ['nothing is trimmed without it', ['  {% if true %}\nx\n  {% endif %}\ny', '  \nx\n  \ny']],
  ['one newline at the end is removed', ['a\n', 'a'], ['a\n\n', 'a\n'], ['a\r\n', 'a'], ['{{ "x\n" }}\n', 'x\n']],
]);

table('syntax', [
  ['literals', ["{{ 'a\\n\\t\\'\\u00e9\\x41' }}", "a\n\t'éA"], ['{{ "a" "b" }}', 'ab'], ['{{ 0x1f }} {{ 0o17 }} {{ 0b11 }} {{ 1_000 }}', '31 15 3 1000'], ['{{ 1.5 }} {{ 2.0 }}', '1.5 2.0'], ['{{ true }} {{ True }} {{ none }} {{ None }}', 'true true none none'], ['{{ [1, "a"] }}', '[1, "a"]'], ['{{ (1, 2) | length }}', '2'], ['{{ {"k": "v"} }}', '{"k": "v"}']],
  ['precedence', ['{{ 1 + 2 * 3 }}', '7'], ['{{ (1 + 2) * 3 }}', '9'], ['{{ not true or true }}', 'true'], ['{{ 1 + 1 == 2 and 2 < 3 }}', 'true'], ['{{ "a" ~ 2 * 3 }}', 'a6'], ['{{ "a" ~ 1 + "b" }}', 'a1b'], ['{{ 2 ** 3 * 2 }}', '16'], ['{{ [1, 2] | length + 1 }}', '3'], ['{{ "a" if 1 == 2 else "b" }}', 'b']],
  ['arithmetic', ['{{ 6 / 3 }}', '2.0'], ['{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }}', '3 -4 1 2'], ['{{ "a" + "b" }}', 'ab'], ['{{ [1] + [2] }}', '[1, 2]'], ['{{ "ab" * 2 }}', 'abab'], ['{{ 9223372036854775807 + 1 }}', /overflow|large|range/i]],
  ['comparison', ['{{ 1 == 1.0 }}', 'true'], ['{{ 1 == "1" }}', 'false'], ['{{ 2 in [1, 2] }} {{ "b" not in "abc" }} {{ "k" in {"k": 1} }}', 'true false true']],
  ['and, or give an operand', ['{{ "" or "x" }}', 'x'], ['{{ 1 and 2 }}', '2']],
  ['indexing and slices', ['{{ [1,2,3][-1] }} {{ [1,2,3][1:] }} {{ "hello"[1:3] }} {{ [1,2,3][::-1] }}', '3 [2, 3] el [3, 2, 1]']],
  ['for', ['{% for x in [1,2,3] if x != 2 %}{{ x }}{% else %}none{% endfor %}', '13'], ['{% for x in [] %}x{% else %}empty{% endfor %}', 'empty'], ['{% for k, v in m | items %}{{ k }}={{ v }};{% endfor %}', 'b=2;a=1;'], ['{% for k in m %}{{ k }}{% endfor %}', 'ba'], ['{% for c in "ab" %}<{{ c }}>{% endfor %}', '<a><b>'], ['{% for x in [1,2,3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}', '1'], ['{% for x in [1,2,3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}', '13']],
  ['the loop object', ['{% for x in "abc" %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}', '103truefalse3;212falsefalse3;321falsetrue3;'], ['{% for x in [1,1,2] %}{{ loop.changed(x) }}{{ loop.cycle("o", "e") }} {% endfor %}', 'trueo falsee trueo '], ['{% for x in [[1,[2]]] recursive %}{{ loop.depth }}{% for y in x %}{% endfor %}{% endfor %}', '1']],
  ['set, with, filter, macro, call, do, raw', ['{% set x = 1 %}{{ x }}', '1'], ['{% set x %}a{{ 1 }}{% endset %}{{ x }}', 'a1'], ['{% set ns = namespace(n=0) %}{% for i in [1,2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}', '3'], ['{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}', '1'], ['{% with a = 1 %}{{ a }}{% endwith %}', '1'], ['{% filter upper %}a{% endfilter %}', 'A'], ['{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}', '12'], ['{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}', '<x>'], ['{% do m.get("b") %}x', 'x'], ['{% raw %}{{ x }}{% endraw %}', '{{ x }}']],
  ['maps keep their order', ['{{ m }}', '{"b": 2, "a": 1}'], ['{{ m | json }}', '{"b":2,"a":1}']],
  ['methods of strings and maps', ['{{ "aB".upper() }}{{ "aB".lower() }}{{ " x ".strip() }}', 'ABabx'], ['{{ "a,b".split(",") }} {{ "ab".startswith("a") }} {{ "ab".endswith("a") }} {{ "aa".replace("a", "b") }}', '["a", "b"] true false bb'], ['{{ m.get("b") }}{{ m.get("z", 9) }} {{ m.keys() | list }} {{ m.values() | list }}', '29 ["b", "a"] [2, 1]']],
], { m: { b: 2, a: 1 } });

// ---------------------------------------------------------------- filters of our own, 6.4

table('filters', [
  ['shell_escape', ['{{ "a\'b" | shell_escape }}', "'a'\\''b'"], ['{{ "" | shell_escape }}', "''"], ['{{ 5 | shell_escape }}', "'5'"], ['{{ ["a b", "c"] | shell_escape }}', "'a b' 'c'"]],
  ['json', ['{{ {"a": [1, "x", none, true]} | json }}', '{"a":[1,"x",null,true]}'], ['{{ nope | json }}', 'null'], ['{{ none | json }}', 'null'], ['{{ "q\\"" | tojson }}', '"q\\""'], ['{{ [1] | json(indent=2) }}', '[\n  1\n]']],
  ['join', ['{{ [1, 2] | join }}', '1, 2'], ['{{ [1, 2] | join("-") }}', '1-2'], ['{{ nope | join }}', ''], ['{{ none | join }}', ''], ['{{ 5 | join }}', '5'], ['{{ "ab" | join }}', 'ab'], ['{{ [{"n": "x"}, {"n": "y"}] | join("+", attribute="n") }}', 'x+y']],
  ['first and last', ['{{ [1, 2] | first }}{{ [1, 2] | last }}', '12'], ['{{ "ab" | first }}{{ "ab" | last }}', 'ab'], ['{{ {"k": 1, "l": 2} | first }}', 'k'], ['{{ [] | first is undefined }} {{ nope | last is undefined }}', 'true true'], ['{{ 5 | first }}', /first|iterable|sequence/]],
  ['default', ['{{ nope | default("d") }}{{ none | default("d") }}{{ "" | default("d") }}', 'ddd'], ['{{ 0 | default("d") }} {{ false | default("d") }} {{ [] | default("d") }}', '0 false []'], ['[{{ nope | default }}]', '[]'], ['{{ 0 | default("d", true) }}', 'd'], ['{{ "" | d("x") }}', 'x']],
  ['trim', ['[{{ "\u00a0 x \n" | trim }}]', '[x]'], ['{{ 5 | trim }}', '5'], ['{{ "--x-" | trim("-") }}', 'x']],
  ['lines', ['{{ "a\\r\\nb\\n\\nc\\n" | lines }}', '["a", "b", "", "c"]'], ['{{ "" | lines }}', '[]'], ['{{ 5 | lines }}', '["5"]']],
  ['strftime', ['{{ "2024-03-01T12:30:00+02:00" | strftime("%Y-%m-%d %H:%M") }}', '2024-03-01 10:30'], ['{{ ("now" | strftime("%Y")) | length }}', '4'], ['{{ 0 | strftime("%Y-%m-%dT%H:%M:%S") }}', '1970-01-01T00:00:00'], ['{{ "not a date" | strftime("%Y") }}', /date|time|RFC/i], ['{{ [] | strftime("%Y") }}', /strftime|date|time/i], ['{{ "now" | strftime("%Q") }}', /%Q|specifier/i]],
  ['those beyond', ['{{ \'{"a": 1}\' | fromjson }}', '{"a": 1}'], ['{{ "a1b22" | regex_replace("[0-9]+", "#") }}', 'a#b#'], ['{{ "x42y" | regex_search("[0-9]+") }}', '42'], ['{{ "hello world" | truncate(5) | length <= 8 }}', 'true'], ['{{ "hi" | b64encode }} {{ "aGk=" | b64decode }}', 'aGk= hi'], ['{{ "" | sha256 }}', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'], ['{{ "a/b.c" | basename }} {{ "a/b.c" | dirname }}', 'b.c a'], ['{{ "some words here" | tokens > 0 }}', 'true'], ['{{ "aa bb cc" | wordwrap(5) }}', 'aa bb\ncc'], ['{{ {"a": 1} | to_entries }}', '[{"key": "a", "value": 1}]'], ['{{ {"a": {"b": [7]}} | jsonpath("$.a.b[0]") }}', '7'], ['{{ "<" | raw }}', '<']],
]);

// ---------------------------------------------------------------- built-ins, 6.5

table('built-ins: filter', [
  ['abs', ['{{ -3 | abs }} {{ -1.5 | abs }}', '3 1.5']], ['attr', ['{{ {"k": 1} | attr("k") }}', '1']], ['batch', ['{{ [1,2,3] | batch(2) | list }} {{ [1,2,3] | batch(2, 0) | list }}', '[[1, 2], [3]] [[1, 2], [3, 0]]']],
  ['bool', ['{{ "" | bool }} {{ 1 | bool }}', 'false true']], ['capitalize', ['{{ "heLLO" | capitalize }}', 'Hello']], ['chain', ['{{ [1] | chain([2]) | list }}', '[1, 2]'], ['{{ ({"a": 1} | chain({"b": 2})).b }}', '2']],
  ['count, length', ['{{ "äb" | length }} {{ [1,2] | count }} {{ {"a": 1} | length }}', '2 2 1'], ['{{ 5 | length }}', /length/]], ['dictsort', ['{{ {"b": 1, "a": 2} | dictsort }}', '[["a", 2], ["b", 1]]'], ['{{ {"b": 1, "a": 2} | dictsort(by="value") }}', '[["b", 1], ["a", 2]]'], ['{{ {"b": 1, "a": 2} | dictsort(reverse=true) }}', '[["b", 1], ["a", 2]]']],
  ['e, escape', ['{{ "<&>" | e }} {{ "\\"" | escape }}', '&lt;&amp;&gt; &quot;']], ['float, int', ['{{ "1.5" | float }} {{ 3 | float }} {{ "42" | int }} {{ 3.9 | int }} {{ none | int }}', '1.5 3.0 42 3 0'], ['{{ "x" | int }}', /int/]],
  ['format', ['{{ "%s-%d" | format("a", 5) }}', 'a-5']], ['groupby', ['{% for g in [{"k": 2, "v": "a"}, {"k": 1, "v": "b"}, {"k": 2, "v": "c"}] | groupby("k") %}{{ g.grouper }}:{{ g.list | map(attribute="v") | join("") }};{% endfor %}', '1:b;2:ac;']],
  ['indent', ['{{ "a\\nb" | indent(2) }}', 'a\n  b'], ['{{ "a\\nb" | indent(2, true) }}', '  a\n  b']], ['items', ['{{ {"b": 1, "a": 2} | items | list }}', '[["b", 1], ["a", 2]]']], ['list', ['{{ "ab" | list }}', '["a", "b"]']],
  ['lower, upper, title', ['{{ "aB c" | lower }} {{ "aB c" | upper }} {{ "aB c" | title }}', 'ab c AB C Ab C']], ['map', ['{{ ["a"] | map("upper") | list }}', '["A"]'], ['{{ [{"a": {"b": 1}}] | map(attribute="a.b") | list }}', '[1]'], ['{{ [{}] | map(attribute="x", default=0) | list }}', '[0]']],
  ['max, min', ['{{ [1, 3, 2] | max }} {{ [1, 3, 2] | min }} {{ [] | max is undefined }}', '3 1 true']], ['pprint', ['{{ [1] | pprint | length > 0 }}', 'true']], ['reject, select', ['{{ [0, 1, 2] | select | list }} {{ [1, 2] | reject("even") | list }}', '[1, 2] [1]']],
  ['rejectattr, selectattr', ['{{ [{"a": 1, "n": "x"}, {"a": 0, "n": "y"}] | selectattr("a") | map(attribute="n") | list }} {{ [{"a": 1, "n": "x"}, {"a": 0, "n": "y"}] | rejectattr("a", "eq", 1) | map(attribute="n") | list }}', '["x"] ["y"]']],
  ['replace', ['{{ "aXbX" | replace("X", "-") }}', 'a-b-']], ['reverse', ['{{ "abc" | reverse }} {{ [1, 2] | reverse | list }}', 'cba [2, 1]']], ['round', ['{{ 2.5 | round }} {{ -2.5 | round }} {{ 1.25 | round(1) }} {{ 3 | round }}', '3.0 -3.0 1.3 3']],
  ['safe', ['{{ "<" | safe }}', '<']], ['slice', ['{{ [1,2,3] | slice(2) | list }}', '[[1, 2], [3]]']], ['sort', ['{{ ["b", "A", "c"] | sort }} {{ ["b", "A"] | sort(reverse=true) }} {{ [{"n": 2}, {"n": 1}] | sort(attribute="n") | map(attribute="n") | list }} {{ ["b", "C", "a"] | sort(case_sensitive=true) }}', '["A", "b", "c"] ["b", "A"] [1, 2] ["C", "a", "b"]']],
  ['split', ['{{ " a  b " | split }} {{ "a,b,c" | split(",", 1) }}', '["a", "b"] ["a", "b,c"]']], ['string', ['{{ 5 | string == "5" }}', 'true']], ['sum', ['{{ [1, 2.5] | sum }}', '3.5'], ['{{ ["a"] | sum }}', /sum|number|add/]], ['unique', ['{{ ["a", "A", "b"] | unique | list }}', '["a", "b"]']], ['zip', ['{{ [1, 2, 3] | zip(["a", "b"]) | list }}', '[[1, "a"], [2, "b"]]']],
  ['tojson, urlencode', ['{{ "a b&c" | urlencode }}', 'a%20b%26c'], ['{{ [1] | tojson }}', '[1]']],
]);

table('built-ins: test', [
  ['kinds', ['{{ 1 is number }}{{ 1 is integer }}{{ 1 is int }}{{ 1.5 is float }}{{ "a" is string }}{{ [] is sequence }}{{ {} is mapping }}{{ none is none }}{{ true is boolean }}{{ "a" is iterable }}', 'true'.repeat(10)], ['{{ "1" is number }}{{ 1 is string }}{{ 1 is mapping }}', 'falsefalsefalse']],
  ['defined, undefined', ['{{ x is defined }}{{ nope is undefined }}{{ nope is not defined }}', 'truetruetrue']], ['numbers', ['{{ 4 is even }}{{ 3 is odd }}{{ 9 is divisibleby(3) }}', 'truetruetrue']],
  ['comparisons', ['{{ 1 is eq(1) }}{{ 1 is equalto(1) }}{{ 1 is ne(2) }}{{ 1 is lt(2) }}{{ 1 is lessthan(2) }}{{ 1 is le(1) }}{{ 2 is gt(1) }}{{ 2 is greaterthan(1) }}{{ 2 is ge(2) }}', 'true'.repeat(9)], ['{{ [1,2,3] | select(">", 1) | list }}{{ [1,2] | select("==", 2) | list }}{{ [1,2] | reject("!=", 1) | list }}', '[2, 3][2][1]']],
  ['text', ['{{ "abc" is startingwith("a") }}{{ "abc" is endingwith("c") }}{{ "abc" is lower }}{{ "ABC" is upper }}', 'truetruetruetrue']], ['in, true, false, sameas', ['{{ 1 is in([1]) }}{{ true is true }}{{ false is false }}{{ none is sameas(none) }}{{ 1 is sameas(1.0) }}', 'truetruetruetruefalse']],
  ['filter, test, safe', ['{{ "upper" is filter }}{{ "nope" is filter }}{{ "even" is test }}{{ "nope" is test }}{{ ("a" | safe) is safe }}{{ ("a" | e) is escaped }}', 'truefalsetruefalsetruetrue']],
], { x: 1 });

table('built-ins: function', [
  ['range', ['{{ range(3) | list }} {{ range(1, 6, 2) | list }} {{ range(3, 0, -1) | list }}', '[0, 1, 2] [1, 3, 5] [3, 2, 1]'], ['{{ range(100001) }}', /100000|range|large/], ['{{ range(1, 2, 0) }}', /0|step/]], ['dict', ['{{ dict(a=1) }} {{ dict({"b": 2}, c=3) }}', '{"a": 1} {"b": 2, "c": 3}']], ['namespace', ['{% set n = namespace(a=1) %}{% set n.a = 2 %}{{ n.a }}', '2']], ['debug', ['{{ debug() | length > 0 }}', 'true']],
]);

test('no auto-escape: <&> in a prompt is unchanged', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' } } }, workflows: { w: { s: ask('e', '<&> {{ args.x }}') } } });
  assert.equal(await place.text('w', 'x=<"&\'>'), '<&> <"&\'>');
});

test('variables: env, workflow, run_dir, cwd, now, args', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('true') }, { description: 'of the test', output: '{{ env.OWN_VARIABLE }}|{{ env.NOT_SET_HERE is defined }}|{{ workflow }}|{{ workflow.description }}|{{ workflow.run_id is string }}|{{ run_dir is string }}|{{ cwd }}|{{ (now | string | length) > 5 }}|{{ args.a }}' }) }, env: { OWN_VARIABLE: 'own' } });
  assert.equal(await place.text('w', 'a=1'), `own|false|w|of the test|true|true|${place.dir}|true|1`);
});

test('include: relative to the workflow, not out of the project', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' } } }, files: { 'flows/w.toml': flow({ s: ask('e', '{% include "part.md" %}!') }), 'flows/part.md': 'part {{ args.x }}', 'flows/bad.toml': flow({ s: ask('e', '{% include "../../outside.md" %}') }) } });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${place.home}/outside.md`, 'secret of the outside');
  assert.equal(await place.text('flows/w.toml', 'x=1', '--trust'), 'part 1!');
  const bad = await place.cli('run', 'flows/bad.toml', '--trust');
  assert.notEqual(bad.code, 0);
  assert.ok(!(bad.stdout + bad.stderr).includes('secret of the outside'));
});

test('render: an error has its place, exit 1', async (t) => {
  const place = lab(t, { files: { 'a.txt': 'one\ntwo {{ nope }}\n' } });
  const done = await place.cli('render', 'a.txt');
  assert.equal(done.code, 1);
  assert.match(done.stderr, /a\.txt:2:\d+/);
});
