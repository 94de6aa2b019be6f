// Section 5.7 of the runner's specification: for_each.
import assert from 'node:assert/strict';
import { ask, flow, lab, shell, test, tree } from './lab.mjs';

/** The items that a source step's text, or an expression, gives: each printed in angle brackets. */
async function items(t, expression, source = '') {
  const place = lab(t, { files: { source }, workflows: { w: flow({ src: shell('cat source'), s: shell('printf "<%s>" {{ item }}', { for_each: expression }) }, { output: '{{ steps.s.output }}|{{ steps.s.outputs | length }}' }) } });
  const [output, length] = (await place.text('w')).split(/\|(?=\d+$)/);
  return { output: output.split('\n').join(''), length: Number(length) };
}

const text = 'steps.src.output';
const cases = [
  ['a list', '["a", "b c", 3]', '', '<a><b c><3>', 3],
  ['a range', 'range(3)', '', '<0><1><2>', 3],
  ['a map is one item', '{"k": "v"}', '', null, 1],
  ['a map by items', '{"k": "v"} | items | map("first") | list', '', '<k>', 1],
  ['text with a JSON array', text, '["x", "y,z"]', '<x><y,z>', 2],
  ['text with a JSON array in prose', text, 'Here: ["x", "y"] ok', '<x><y>', 2],
  ['text with a JSON object is one item', text, '{"a": 1, "b": 2}', null, 1],
  ['prose with an object is no JSON', text, 'one {"a": 1}, two', '<one {"a": 1}><two>', 2],
  ['commas', text, ' a , b b,c ', '<a><b b><c>', 3],
  ['lines', `${text} | lines`, 'a, b\nc\n', '<a, b><c>', 2],
  ['a number', '7', '', '<7>', 1],
  ['a bool', 'true', '', '<true>', 1],
  ['empty text', text, '', '', 0],
  ['none', 'none', '', '', 0],
  ['undefined', 'nothing_at_all', '', '', 0],
  ['an empty list', '[]', '', '', 0],
  ['a list with control characters and commas', '["a\\u0001,b", "c"]', '', '<a\u0001,b><c>', 2],
];
for (const [what, expression, source, output, length] of cases)
  test(`for_each list/JSON/commas/lines: ${what}`, async (t) => {
    const seen = await items(t, expression, source);
    assert.equal(seen.length, length);
    if (output !== null) assert.equal(seen.output, output);
  });

test('for_each results: an empty list is success, not skipped, with empty output', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('touch ran', { for_each: '[]' }), n: shell('echo next', { depends_on: ['s'] }) }, { output: '{{ steps.s.failed }}|{{ steps.s.skipped }}|{{ steps.s.output }}|{{ steps.n.output }}' }) } });
  assert.equal(await place.text('w'), 'false|false||next');
  assert.ok(!place.has('ran'));
});

test('for_each results: order is that of the items, with parallel_items = 3 too', async (t) => {
  // The first item ends last: each waits for its successor, so all three must run at once.
  const place = lab(t, { workflows: { w: flow({ s: shell('n={{ item }}; if [ $n -lt 3 ]; then until [ -e done.$((n+1)) ]; do sleep 0.02; done; fi; touch done.$n; echo item $n', { for_each: '[1, 2, 3]', parallel_items: 3 }) }) } });
  assert.equal(await place.text('w'), 'item 1\nitem 2\nitem 3');
});

test('for_each results: one after the other by default', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo "+"{{ item }} >>order; sleep 0.05; echo "-"{{ item }} >>order', { for_each: '[1, 2, 3]' }) }) } });
  await place.run(0, 'w');
  assert.equal(place.read('order'), '+1\n-1\n+2\n-2\n+3\n-3\n');
});

test('for_each results: fields of each item, queries too', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' } } }, workflows: { w: flow({ s: ask('e', '{"n": {{ item }}}', { for_each: '[4, 5]' }) }, {
    output: '{% for o in steps.s.outputs %}{{ o.item }}={{ o.text }}/{{ o.data.n }}/{{ o.failed }}/{{ o.skipped }};{% endfor %}{{ steps.s.outputs[1] }}|{{ steps.s.backends | join(",") }}' }) } });
  assert.equal(await place.text('w'), '4={"n": 4}/4/false/false;5={"n": 5}/5/false/false;{"n": 5}|e,e');
});

test('for_each results: item, index and loop in scope', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo {{ item }} {{ index }} {{ loop.index }} {{ loop.index0 }} {{ loop.first }} {{ loop.last }} {{ loop.length }} {{ loop.previtem | default("-") }}', { for_each: '["a", "b"]' }) }) } });
  assert.equal(await place.text('w'), 'a 0 1 0 true false 2 -\nb 1 2 1 false true 2 a');
});

test('for_each results: the first failure stops the run; with continue_on_error it counts and the loop goes on', async (t) => {
  const step = shell('echo {{ item }} >>seen; [ {{ item }} != 2 ] && echo ok {{ item }}', { for_each: '[1, 2, 3]' });
  const strict = lab(t, { workflows: { w: flow({ s: step, n: shell('touch next') }) } });
  await strict.run(1, 'w');
  assert.equal(strict.read('seen'), '1\n2\n');
  assert.ok(!strict.has('next'));
  const lax = lab(t, { workflows: { w: flow({ s: { ...step, continue_on_error: true } }, { output: '{{ steps.s.output | trim }}|{{ steps.s.failed }}|{{ steps.s.error != false }}|{{ steps.s.outputs[1].failed }}' }) } });
  const [output, failed, error, second] = (await lax.text('w')).split('|');
  assert.deepEqual(output.split('\n').filter((l) => l), ['ok 1', 'ok 3']);
  assert.deepEqual([failed, error, second], ['false', 'true', 'true']);
  const all = lab(t, { workflows: { w: flow({ s: shell('exit 1', { for_each: '[1, 2]', continue_on_error: true }) }, { output: '{{ steps.s.failed }}' }) } });
  assert.equal(await all.text('w'), 'true');
});

test('for_each results: if is looked at once per item', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo {{ item }}', { for_each: '[1, 2, 3]', if: 'item != 2' }) }, { output: '{{ steps.s.output | lines | select | join(",") }}|{{ steps.s.outputs[1].skipped }}' }) } });
  assert.equal(await place.text('w'), '1,3|true');
});

test('for_each results: a file for each item in the run directory', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo text-{{ item }}', { for_each: '["x", "y"]' }) }) } });
  await place.run(0, 'w');
  const files = tree(place.home).filter((f) => /\/s\.[01]\.txt$/.test(f));
  assert.equal(files.length, 2, tree(place.home).join('\n'));
});

test('matrix: every combination but the excluded', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('echo {{ item.os }}-{{ item.py }}', { matrix: { os: ['a', 'b'], py: [1, 2], exclude: [{ os: 'b', py: 1 }] } }) }) } });
  assert.deepEqual((await place.text('w')).split('\n').sort(), ['a-1', 'a-2', 'b-2']);
});
