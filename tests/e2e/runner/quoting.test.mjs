// Section 6.6 of the runner's specification: a value never becomes code of the shell, whatever quotes the author wrote around it.
import assert from 'node:assert/strict';
import { ask, flow, lab, shell, test } from './lab.mjs';

const hostile = 'a\'b"c$(touch pwned)`touch pwned`;touch pwned; $HOME \\ * #x';

/** Runs `run` with the value as an argument; gives what it printed. Nothing may have been executed. */
async function runs(t, run, value, { asked = false } = {}) {
  const place = lab(t);
  const model = place.canned('model', `${value}`);
  place.configure({ backends: { model: { command: model.command } } });
  // From an argument and from a model's reply: both are strangers.
  place.workflow('w', flow({ ...(asked ? { q: ask('model', 'x') } : {}), s: shell(run.replaceAll('{{ x', asked ? '{{ steps.q.output' : '{{ args.x')) }, { output: '[{{ steps.s.stdout }}]' }));
  const done = await place.run(0, 'w', `x=${value}`);
  assert.ok(!place.has('pwned'), 'the value was executed');
  return done.stdout.replace(/\n$/, '').slice(1, -1).replace(/\n$/, '');
}

const contexts = [
  ['an unquoted word', 'printf "%s\\n" {{ x }}', hostile],
  ['part of an unquoted word', 'printf "%s\\n" pre{{ x }}post', `pre${hostile}post`],
  ['inside single quotes', "printf '%s\\n' 'got: {{ x }}!'", `got: ${hostile}!`],
  ['inside double quotes', 'printf "%s\\n" "got: {{ x }}!"', `got: ${hostile}!`],
  ['inside $\'...\'', 'printf "%s\\n" "a"\'{{ x }}\'"b"', `a${hostile}b`],
  ['a here-document with a quoted delimiter', "cat <<'EOF'\n{{ x }}\nEOF", hostile],
  ['a here-document with a free delimiter', 'cat <<EOF\n{{ x }}\nEOF', hostile],
  ['a here-document that strips tabs', 'cat <<-EOF\n\t{{ x }}\n\tEOF', hostile],
  ['inside $(...)', 'printf "%s\\n" "$(printf %s {{ x }})"', hostile],
  ['inside quotes inside $(...)', 'printf "%s\\n" "$(printf %s "{{ x }}")"', hostile],
  ['inside backticks', 'printf "%s\\n" "`printf %s {{ x }}`"', hostile],
  ['after a comment', '# about {{ x }}\nprintf "%s\\n" {{ x }}', hostile],
  ['an assignment', 'v={{ x }}; printf "%s\\n" "$v"', hostile],
  ['a default in braces', 'printf "%s\\n" "${UNSET_HERE:-{{ x }}}"', hostile],
  ['a case pattern', 'case {{ x }} in {{ x }}) echo same;; *) echo other;; esac', 'same'],
  ['control flow around it', '{% if true %}printf "%s\\n" {% for i in [1] %}{{ x }}{% endfor %}{% endif %}', hostile],
  ['a set block', '{% set y %}{{ x }}{% endset %}printf "%s\\n" {{ y }}', hostile],
  ['a macro', '{% macro m(v) %}{{ v }}{% endmacro %}printf "%s\\n" {{ m(x) }}', hostile],
];
for (const [what, run, want] of contexts)
  test(`quoting contexts: ${what}`, async (t) => {
    for (const asked of [false, true]) {
      const source = asked ? 'steps.q.output' : 'args.x';
      assert.equal(await runs(t, run.replace('m(x)', `m(${source})`), hostile, { asked }), want, asked ? 'from a model' : 'from an argument');
    }
  });

test('quoting contexts: an empty value is an empty word, newlines and trailing blanks stay', async (t) => {
  assert.equal(await runs(t, 'printf "<%s>" {{ x }} end', ''), '<><end>');
  assert.equal(await runs(t, 'printf "<%s>" {{ x }}', 'a\n b \n'), '<a\n b \n>');
  assert.equal(await runs(t, "printf '<%s>' '{{ x }}' \"{{ x }}\"", 'a\n\'b"'), '<a\n\'b"><a\n\'b">');
});

test('quoting contexts: {{ x | shell_escape }} equals {{ x }}, a list is several words', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('printf "<%s>" {{ args.x | shell_escape }}; printf "<%s>" {{ args.x }}; printf "<%s>" {{ ["a b", args.x] | shell_escape }}') }) } });
  assert.equal(await place.text('w', `x=${hostile}`), `<${hostile}><${hostile}><a b><${hostile}>`);
  assert.ok(!place.has('pwned'));
});

test('quoting contexts: safe and raw are verbatim; validate warns when it is the text of a step', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('{{ args.cmd | safe }}; {{ args.cmd | raw }}') }), warned: flow({ q: shell('echo x'), s: shell('{{ steps.q.output | safe }}') }) } });
  assert.equal(await place.text('w', 'cmd=echo a b'), 'a b\na b');
  const done = await place.cli('validate', 'warned');
  assert.match(done.stderr, /warning[^]*safe/);
});

test('quoting contexts: a line that would end the here-document, a newline in a comment are errors', async (t) => {
  const place = lab(t, { workflows: { doc: flow({ s: shell("cat <<'EOF'\n{{ args.x }}\nEOF\ntouch after") }), comment: flow({ s: shell('# {{ args.x }}\ntouch after') }) } });
  for (const name of ['doc', 'comment']) {
    const done = await place.run(1, name, 'x=one\nEOF\ntouch pwned');
    assert.ok(!place.has('pwned') && !place.has('after'), name);
    assert.match(done.stderr, /EOF|here-document|comment|line/);
  }
});

test('quoting contexts: verify of an apply step is quoted as well', async (t) => {
  const place = lab(t, { files: { f: 'one\n' }, workflows: { w: flow({ a: { type: 'apply', edits: [{ path: 'f', old: 'one', new: 'two' }], verify: 'printf "%s" "{{ args.x }}" >seen' } }) } });
  await place.run(0, 'w', `x=${hostile}`);
  assert.equal(place.read('seen'), hostile);
  assert.ok(!place.has('pwned'));
});

test('heredoc: a report file has the raw text, without quotes added', async (t) => {
  const text = `# Report\n\nIt's "fine": $(touch pwned)\n`;
  const place = lab(t);
  const model = place.canned('model', text);
  place.configure({ backends: { model: { command: model.command } } });
  place.workflow('w', flow({ report: ask('model', 'x'), save: shell("cat >report.md <<'REPORT'\n{{ steps.report.output }}\nREPORT") }));
  await place.run(0, 'w');
  assert.equal(place.read('report.md'), text);
  assert.ok(!place.has('pwned'));
});
