// Corners of the runner's specification where two rules meet, each found by reading, not by looking at the program.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { alive, anthropicReply, ask, chatReply, flow, lab, query, shell, sleepMarker, stub, test, until } from './lab.mjs';

const json = JSON.stringify;

test('limits: the earliest deadline wins and is named', async (t) => {
  const seconds = sleepMarker();
  const slow = { command: 'sh', args: ['-c', `sleep ${seconds}`], max_retries: 0, kill_grace_ms: 50 };
  const place = lab(t, { config: { backends: { b: { ...slow, timeout: 600 }, quick: { ...slow, timeout: 1 } } }, workflows: { step: flow({ s: ask('b', 'x', { timeout: '700ms' }) }, { timeout: '10m' }), backend: flow({ s: ask('quick', 'x', { timeout: '10m' }) }), run: flow({ s: ask('b', 'x', { timeout: '10m' }) }, { timeout: '800ms' }) } });
  assert.match((await place.run(1, 'step')).stderr, /700 ?ms|0\.7 ?s/);
  assert.match((await place.run(1, 'backend')).stderr, /\b1 ?s|1000 ?ms|1\.0 ?s/);
  assert.match((await place.run(124, 'run')).stderr, /800 ?ms|0\.8 ?s/);
  await until(() => alive(seconds).length === 0, 'the end of all');
});

test('limits: a delay that the server wants is not waited for beyond the limit of the step', async (t) => {
  const http = await stub(t, 'chat', () => ({ status: 429, headers: { 'retry-after': '200' }, body: {} }));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm' } } }, workflows: { w: flow({ s: ask('h', 'x', { timeout: '30s' }) }) } });
  const done = await place.run(1, 'w');
  assert.equal(http.requests.length, 1);
  assert.match(done.stderr, /200 ?s|3m20s|200/);
});

test('limits: odd delays of a server do no harm', async (t) => {
  for (const after of ['-5', 'NaN', '', 'soon', '1e400']) {
    const http = await stub(t, 'chat', (_, n) => (n === 0 ? { status: 429, headers: { 'retry-after': after }, body: { retry_after: null } } : chatReply('ok')));
    const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm', retry_delay: 1 } } }, workflows: { w: flow({ s: ask('h', 'x', { timeout: '20s' }) }) } });
    const done = await place.cli('run', 'w');
    assert.ok(done.code === 0 || /delay|wait/i.test(done.stderr), `${after}: ${done.stderr}`);
  }
});

test('answers: long, empty, of one byte at a time, cut off', async (t) => {
  const long = 'ü'.repeat(300_000);
  const http = await stub(t, 'chat', (_, n) => [chatReply(long), chatReply(''), { body: '{"choices": [{"message": {"content": "cut' }][n]);
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm', max_retries: 0 } } }, workflows: { w: flow({ s: ask('h', 'x') }) } });
  assert.equal(await place.text('w'), long);
  assert.equal((await place.run(0, 'w')).stdout.trim(), '');
  await place.run(1, 'w');
});

test('answers: one that ends in the middle of the connection is a network failure, tried again', async (t) => {
  const http = await stub(t, 'chat', (request, n) => {
    if (n > 0) return chatReply('whole');
    request.response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
    request.response.write('{"choices"');
    setImmediate(() => request.response.destroy());
    return new Promise(() => {});
  });
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm', retry_delay: 1 } } }, workflows: { w: flow({ s: ask('h', 'x') }) } });
  assert.equal(await place.text('w'), 'whole');
  assert.equal(http.requests.length, 2);
});

test('answers: a stream that breaks off is no answer', async (t) => {
  const chunk = (content) => `data: ${json({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
  const http = await stub(t, 'chat', () => ({ headers: { 'content-type': 'text/event-stream' }, body: chunk('half of it') }));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm', max_retries: 0 } } }, workflows: { w: flow({ s: ask('h', 'x') }) } });
  await place.run(1, 'w', '--stream');
});

test('claude-api: native streaming, and usage in templates', async (t) => {
  const http = await stub(t, 'anthropic', () => anthropicReply('x'));
  const place = lab(t, { config: { backends: { h: { type: 'claude-api', base_url: http.origin, api_key: 'sk-ant-planted-1' } } }, workflows: { w: flow({ s: ask('h', 'x') }, { output: '{{ steps.s.usage.input_tokens }}+{{ steps.s.usage.output_tokens }}' }) } });
  assert.equal(await place.text('w'), '7+3');
});

test('classes: what failed and how is in the errors of a parallel role', async (t) => {
  const place = lab(t, { config: { backends: { gone: { command: 'no-such-program-7' }, bad: { command: 'false', max_retries: 0 }, auth: { command: 'sh', args: ['-c', 'echo Unauthorized >&2; exit 1'] } }, roles: { r: { backends: ['gone', 'bad', 'auth'], execution: 'parallel' } } }, workflows: { w: flow({ s: query('r', 'x') }) } });
  const done = await place.run(1, 'w');
  assert.match(done.stderr, /gone: .*unavailable/);
  assert.match(done.stderr, /bad: execution/);
  assert.match(done.stderr, /auth: auth/);
});

test('continue: a failed query leaves its error, and its reader sees that it failed', async (t) => {
  const place = lab(t, { config: { backends: { bad: { command: 'sh', args: ['-c', 'echo words; echo why >&2; exit 3'], max_retries: 0 } } }, workflows: { w: flow({ s: ask('bad', 'x', { continue_on_error: true }), n: shell('echo {{ steps.s.failed }} {{ steps.s.error.backend }} {{ steps.s.error.exit_code }} {{ steps.s.error.stderr | trim }}') }) } });
  assert.equal(await place.text('w'), 'true bad 3 why');
});

test('apply: overlapping hunks, two edits of the same place, a rename onto a file are refused', async (t) => {
  for (const reply of [
    '--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n@@ -2,2 +2,2 @@\n-two\n+zwei\n three\n',
    json([{ path: 'a.txt', old: 'two', new: '2' }, { path: 'a.txt', old: 'two', new: 'zwei' }]),
    json([{ path: 'a.txt', rename_to: 'b.txt' }]),
    json([{ path: 'a.txt', delete: true }, { path: 'a.txt', old: 'one', new: '1' }]),
  ]) {
    const place = lab(t, { files: { 'a.txt': 'one\ntwo\nthree\n', 'b.txt': 'b\n' } });
    const model = place.canned('model', reply);
    place.configure({ backends: { model: { command: model.command } } });
    place.workflow('w', flow({ q: ask('model', 'x'), a: { type: 'apply', source: 'q' } }));
    await place.run(1, 'w');
    assert.deepEqual([place.read('a.txt'), place.read('b.txt')], ['one\ntwo\nthree\n', 'b\n'], reply);
  }
});

test('apply: a source that failed or was skipped applies nothing', async (t) => {
  const place = lab(t, { files: { 'a.txt': 'one\n' }, workflows: { w: flow({ q: shell('echo x', { if: 'false' }), a: { type: 'apply', source: 'q', continue_on_error: true } }, { output: '{{ steps.a.status }}' }) } });
  assert.match(await place.text('w'), /skipped|failed/);
});

test('for_each over apply and store, retries inside of items', async (t) => {
  const place = lab(t, { files: { 'a.txt': 'x\n', 'b.txt': 'x\n' }, workflows: { w: flow({ s: { type: 'apply', for_each: '["a.txt", "b.txt"]', edits: [{ path: '{{ item }}', old: 'x', new: 'y' }] }, r: shell('echo x >>tries.{{ item }}; [ $(wc -l <tries.{{ item }}) -ge 2 ]', { for_each: '[1, 2]', retries: 1, retry_delay: 1 }) }) } });
  await place.run(0, 'w');
  assert.deepEqual([place.read('a.txt'), place.read('b.txt'), place.read('tries.1'), place.read('tries.2')], ['y\n', 'y\n', 'x\nx\n', 'x\nx\n']);
});

test('groups: a group of a group name that is taken, a member that names a later one', async (t) => {
  const place = lab(t, { workflows: { clash: `${flow({ g: shell('true') })}\n[[groups]]\nname = "g"\n[[groups.steps]]\nname = "a"\ntype = "shell"\nrun = "true"\n`, unknown: `${flow({ s: shell('echo {{ groups.gruop.failed }}') })}\n[[groups]]\nname = "group"\n[[groups.steps]]\nname = "a"\ntype = "shell"\nrun = "true"\n` } });
  assert.equal((await place.cli('validate', 'clash')).code, 1);
  const unknown = await place.cli('validate', 'unknown');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /gruop[^]*group/);
});

test('secret arguments reach the step whole, while they are masked everywhere else', async (t) => {
  const place = lab(t, { workflows: { w: `[args.token]\nsecret = true\n${flow({ s: shell('printf %s {{ args.token }} >"$HOME/given"') })}` } });
  await place.run(0, 'w', 'token=hush-hush-1234');
  const { readFileSync } = await import('node:fs');
  assert.equal(readFileSync(join(place.home, 'given'), 'utf8'), 'hush-hush-1234');
});

test('a directory as the last argument selects it, when the workflow wants no more', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('pwd') }), wants: 'args = ["where"]\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "pwd"\n' } });
  mkdirSync(place.path('sub'));
  assert.equal(await place.text('w', 'sub'), place.path('sub'));
  assert.equal(await place.text('wants', 'sub'), place.dir);
});

test('numbers, unicode, very long and empty arguments', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell('printf %s {{ args.x }}') }, { output: '{{ steps.s.output }}|{{ args.x | length }}' }) } });
  for (const x of ['ünï 漢字 🎉', '0123', '=a=b=', 'a'.repeat(50_000), '{{ 1 + 1 }}', '%s%n', '-n']) assert.equal(await place.text('w', `x=${x}`), `${x}|${[...x].length}`);
  assert.equal(await place.text('w', 'x='), '|0');
});

test('a prompt that looks like an option, a template in a reply: data stays data', async (t) => {
  const place = lab(t);
  const b = place.canned('b', '{{ env.HOME }} {% raw %}');
  place.configure({ backends: { b: { command: b.command } } });
  place.workflow('w', flow({ s: ask('b', '--help {{ args.x }}'), n: ask('b', '{{ steps.s.output }}') }));
  await place.run(0, 'w', 'x={{ 7 * 7 }}');
  assert.deepEqual(b.prompts(), ['--help {{ 7 * 7 }}', '{{ env.HOME }} {% raw %}']);
});

test('shared pause: after a 429 the next call of the same backend waits too', async (t) => {
  const http = await stub(t, 'chat', (_, n) => (n === 0 ? { status: 429, headers: { 'retry-after': '1' }, body: {} } : chatReply('ok')));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'm', retry_delay: 1, max_concurrent: 1 } } }, workflows: { w: flow({ a: ask('h', 'one', { depends_on: [] }), b: ask('h', 'two', { depends_on: [] }) }) } });
  await place.run(0, 'w');
  const [first, ...rest] = http.requests.map((r) => r.at);
  for (const at of rest) assert.ok(at - first >= 999, `asked ${at - first} ms after it was told to wait a second`);
});

test('validate: warnings for units, unknown args, shadowed names do not stop a run', async (t) => {
  const place = lab(t, { workflows: { w: 'args.unused = {}\n[[steps]]\nname = "s"\ntype = "shell"\nrun = "echo x"\n' } });
  assert.equal(await place.text('w', 'unused=1'), 'x');
  assert.equal((await place.cli('validate', 'w', '--strict')).code, 1);
});

test('config show --origin: each key with its own file and line', async (t) => {
  const place = lab(t, { config: '[backends.b]\ncommand = "echo"\ntimeout = 60\n', files: { '.llm-mux/config.toml': '\n[backends.b]\ntimeout = 300\n' } });
  const done = await place.cli('config', 'show', '--origin', 'backends', '--trust');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /command.*config\/llm-mux\/config\.toml:2/);
  assert.match(done.stdout, /timeout.*project\/\.llm-mux\/config\.toml:3/);
});

// ---------------------------------------------------------------- trust and secrets at the edges

test('trust: a file that a trusted workflow includes has changed: it is untrusted again', async (t) => {
  const place = lab(t, { files: { '.llm-mux/workflows/p.toml': `include = ["shared.toml"]\n${flow({ s: shell('true') })}`, '.llm-mux/workflows/shared.toml': flow({ common: shell('true') }) } });
  await place.cli('trust');
  await place.run(0, 'p');
  place.write('.llm-mux/workflows/shared.toml', flow({ common: shell('touch pwned') }));
  await place.run(2, 'p');
  assert.ok(!place.has('pwned'));
});

test('trust: of one project is not that of its copy elsewhere, nor of a link to other content', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: query('r', 'x') }) } });
  const b = place.canned('b', 'x');
  const text = `[backends.b]\ncommand = "${b.command}"\n[roles.r]\nbackends = ["b"]\n`;
  place.write('.llm-mux/config.toml', text);
  await place.cli('trust');
  await place.run(0, 'w');
  place.write('.llm-mux/config.toml', text.replace('[roles.r]', 'args = ["-x"]\n[roles.r]'));
  await place.run(2, 'w');
  assert.equal(b.calls(), 1);
});

test('redirects: no key of any header goes to another host', async (t) => {
  const chatOther = await stub(t, 'chat', () => chatReply('from the other'));
  const claudeOther = await stub(t, 'anthropic', () => anthropicReply('from the other'));
  const away = (other, path) => ({ status: 307, headers: { location: `${other.origin.replace('127.0.0.1', 'localhost')}${path}` }, body: {} });
  const chat = await stub(t, 'chat', () => away(chatOther, '/v1/chat/completions'));
  const claude = await stub(t, 'anthropic', () => away(claudeOther, '/v1/messages'));
  const place = lab(t, { config: { backends: { h: { command: chat.origin, model: 'm', headers: { 'X-Api-Key': 'key-in-a-header-77', Cookie: 'session=key-in-a-cookie-77' }, max_retries: 0 }, c: { type: 'claude-api', base_url: claude.origin, api_key: 'sk-ant-stays-here-77', max_retries: 0 } } }, workflows: { w: flow({ a: ask('h', 'x', { continue_on_error: true }), b: ask('c', 'x', { continue_on_error: true }) }) } });
  await place.cli('run', 'w');
  assert.equal(chat.requests[0].headers['x-api-key'], 'key-in-a-header-77');
  assert.equal(claude.requests[0].headers['x-api-key'], 'sk-ant-stays-here-77');
  for (const request of [...chatOther.requests, ...claudeOther.requests]) assert.doesNotMatch(json(request.headers), /77/, 'a key went to another host');
});

test('resume: an output that held a secret is the same after it', async (t) => {
  const place = lab(t, { workflows: { w: `[args.token]\nsecret = true\n${flow({ a: shell('echo key-{{ args.token }}'), b: shell('[ -e go ] && printf %s {{ steps.a.output }} >"$HOME/given"') })}` } });
  await place.run(1, 'w', 'token=hush-hush-4711');
  place.write('go', '');
  const done = await place.cli('run', 'w', 'token=hush-hush-4711', '--resume', 'last');
  const { existsSync, readFileSync } = await import('node:fs');
  const given = join(place.home, 'given');
  // Refusing is right as well; handing on *** is not.
  assert.equal(existsSync(given) ? readFileSync(given, 'utf8') : 'key-hush-hush-4711', 'key-hush-hush-4711', done.stderr);
});

test('resume: a secret argument is not on disk, so it has to be given again', async (t) => {
  const place = lab(t, { workflows: { w: `[args.token]\nsecret = true\nrequired = true\n${flow({ a: shell('true'), b: shell('[ -e go ] && printf %s {{ args.token }} >"$HOME/given"') })}` } });
  await place.run(1, 'w', 'token=hush-hush-4711');
  place.write('go', '');
  const without = await place.cli('run', 'w', '--resume', 'last');
  assert.equal(without.code, 2, without.stderr);
  assert.match(without.stderr, /token/);
  await place.run(0, 'w', 'token=hush-hush-4711', '--resume', 'last');
  const { readFileSync } = await import('node:fs');
  assert.equal(readFileSync(join(place.home, 'given'), 'utf8'), 'hush-hush-4711');
});

test('path escape: every spelling of it, in diffs and renames as well', async (t) => {
  const { execFileSync } = await import('node:child_process');
  const replies = [
    ...['./.git/config', 'sub/../.git/config', 'sub/.git/config', '.git', '.GIT/config', './.llm-mux/config.toml', 'sub/./../../x', '~/x', 'C:\\x', 'fifo'].map((path) => [path, json([{ path: 'a.txt', old: 'one', new: '1' }, { path, content: 'evil' }])]),
    ['a rename', json([{ path: 'a.txt', rename_to: '../x' }])],
    ['a diff', '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+1\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+evil\n'],
    ['a git rename', 'diff --git a/a.txt b/.git/hooks/post-commit\nsimilarity index 100%\nrename from a.txt\nrename to .git/hooks/post-commit\n'],
    ['a fence', '```sh path=../x\nevil\n```\n'],
    ['a block', '../x\n<<<<<<< SEARCH\n=======\nevil\n>>>>>>> REPLACE\n'],
  ];
  for (const [what, reply] of replies) {
    const place = lab(t, { files: { 'a.txt': 'one\n', '.git/config': 'kept\n', 'sub/.git/config': 'kept\n' } });
    execFileSync('mkfifo', [place.path('fifo')]);
    const model = place.canned('model', reply);
    place.configure({ backends: { model: { command: model.command } } });
    place.workflow('w', flow({ q: ask('model', 'x'), a: { type: 'apply', source: 'q' } }));
    const done = await place.cli('run', 'w');
    // A name that is only odd on this system may be a file of the project; what must not be is anything else.
    const odd = ['~/x', 'C:\\x'].includes(what);
    if (!odd) assert.equal(done.code, 1, `${what}: ${done.stderr}`);
    if (!odd) assert.equal(place.read('a.txt'), 'one\n', what);
    assert.deepEqual([place.read('.git/config'), place.read('sub/.git/config')], ['kept\n', 'kept\n'], what);
    assert.ok(!place.has('../x') && !place.has('.git/hooks') && !place.has('.GIT'), what);
  }
});

test('NUL in a prompt: never cut in silence', async (t) => {
  const place = lab(t, { config: { backends: { e: { command: 'echo' }, c: { command: 'cat', stdin: true } } }, workflows: { e: flow({ n: shell("printf 'a\\000b'"), s: ask('e', '{{ steps.n.output }}') }), c: flow({ n: shell("printf 'a\\000b'"), s: ask('c', '{{ steps.n.output }}') }) } });
  const argument = await place.cli('run', 'e');
  assert.ok(argument.code !== 0 || !argument.stdout.startsWith('a\n'), `cut: ${json(argument.stdout)}`);
  const stdin = await place.run(0, 'c');
  assert.equal(stdin.stdout, 'a\0b\n');
});

test('list form of run: items, templates and no shell', async (t) => {
  const place = lab(t, { workflows: { w: flow({ s: shell(['printf', '<%s>', '{{ item }}', '$(touch pwned)', ';touch pwned'], { for_each: '["a b", "\'"]' }) }) } });
  assert.equal(await place.text('w'), "<a b><$(touch pwned)><;touch pwned>\n<'><$(touch pwned)><;touch pwned>");
  assert.ok(!place.has('pwned'));
});

test('input in JSON mode and quiet: nothing but events or the text on stdout', async (t) => {
  const place = lab(t, { workflows: { w: flow({ q: { type: 'input', prompt: 'Name?', default: 'you' }, s: shell('echo hi {{ steps.q.output }}') }) } });
  const { result } = await place.json(0, 'w');
  assert.equal(result.output, 'hi you');
  assert.equal((await place.run(0, 'w', '--quiet')).stdout, 'hi you\n');
});

test('cost: of a step in templates, and a price that is not known says so nowhere wrongly', async (t) => {
  const http = await stub(t, 'chat', () => chatReply('x', { usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } }));
  const place = lab(t, { config: { backends: { h: { command: http.origin, model: 'own-model' } }, pricing: { 'own-model': { input: 2, output: 10 } } }, workflows: { w: flow({ a: ask('h', 'one') }, { output: '{{ steps.a.cost }}' }) } });
  assert.equal(Number(await place.text('w')), 0.007);
});

test('cache: a time as its value, and parallel roles', async (t) => {
  const place = lab(t);
  const [a, b] = ['a', 'b'].map((n) => place.canned(n, `${n}1`, `${n}2`));
  place.configure({ backends: { a: { command: a.command }, b: { command: b.command } }, roles: { r: { backends: ['a', 'b'], execution: 'parallel' } } });
  place.workflow('w', flow({ s: query('r', 'x', { cache: '24h' }) }));
  const first = await place.text('w');
  assert.equal(await place.text('w'), first);
  assert.deepEqual([a.calls(), b.calls()], [1, 1]);
});

test('memory: two runs that store at once lose nothing', async (t) => {
  const place = lab(t, {});
  const facts = (n) => json({ facts: Array.from({ length: 50 }, (_, i) => ({ fact: `fact ${n}-${i}`, source: 's' })) });
  place.configure({ ecosystems: { eco: { projects: { p: { path: place.dir } } } } });
  const runs = [1, 2, 3, 4].map((n) => {
    place.workflow(`w${n}`, flow({ s: { type: 'store', prompt: facts(n) } }));
    return place.start('run', `w${n}`);
  });
  for (const run of runs) assert.equal((await run.exited).code, 0);
  const list = JSON.parse((await place.cli('memory', 'facts', '--json')).stdout);
  assert.equal(list.length, 200);
});
