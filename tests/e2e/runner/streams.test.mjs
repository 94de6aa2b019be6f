// What a run does without one of its standard streams, and to a run that is still running.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { binary } from '../harness.mjs';
import { flow, lab, shell, test } from './lab.mjs';

const sh = (place, script) => new Promise((done) => {
  execFile('sh', ['-c', script, 'sh', binary], { cwd: place.dir, env: place.env }, (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }));
});

test('streams: a run works without any of them, and tells when its text could not be written', async (t) => {
  const place = lab(t, { files: { 'w.toml': flow({ a: shell('echo hello; echo there >&2; cat') }) } });
  for (const [redirect, code, text] of [['<&-', 0, 'hello\n'], ['2>&-', 0, 'hello\n'], ['<&- 2>&-', 0, 'hello\n'], ['>&-', 1, ''], ['<&- >&- 2>&-', 1, ''], ['>/dev/full', 1, '']]) {
    for (const output of ['console', 'quiet']) {
      const done = await sh(place, `"$1" run ./w.toml --output ${output} ${redirect}`);
      assert.equal(done.code, code, `${output} ${redirect}: ${done.stderr}`);
      assert.equal(done.stdout, text, `${output} ${redirect}`);
      if (code === 1 && !redirect.includes('2>')) assert.match(done.stderr, /could not be written/);
    }
  }
});

test('resume: a run that is still running is refused by its name', async (t) => {
  const place = lab(t, { files: { 'w.toml': flow({ a: shell('"$BIN" run ./w.toml --resume && echo resumed', { continue_on_error: true }) }) }, env: { BIN: binary } });
  const done = await place.json(0, './w.toml');
  assert.match(done.result.steps.a.error.stderr ?? JSON.stringify(done.result.steps.a), /still running/);
});
