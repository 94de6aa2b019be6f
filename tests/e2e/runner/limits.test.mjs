// Many at once with few descriptors: what does not fit waits for its turn, nothing fails (workflows.md 5.6, 5.8).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { binary } from '../harness.mjs';
import { flow, lab, shell, test } from './lab.mjs';

const withFiles = (place, most, ...words) => new Promise((done) => {
  execFile('sh', ['-c', `ulimit -n ${most}; exec "$@"`, 'sh', binary, ...words], { cwd: place.dir, env: place.env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }));
});

test('limits: items beyond the descriptors wait for their turn', async (t) => {
  const place = lab(t, { files: { 'w.toml': flow({ a: shell('sleep 0.1; echo {{ item }}', { for_each: 'range(300)', parallel_items: 300 }), n: shell('echo {{ steps.a.outputs | length }}') }) } });
  const done = await withFiles(place, 256, 'run', './w.toml', '--output', 'quiet');
  assert.equal(done.code, 0, done.stderr);
  assert.equal(done.stdout, '300\n');
});

test('limits: steps beyond the descriptors wait for their turn, each of them with items', async (t) => {
  const steps = Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`s${n}`, shell('sleep 0.1; echo {{ item }}', { depends_on: [], for_each: 'range(3)', parallel_items: 3 })]));
  const place = lab(t, { files: { 'w.toml': flow(steps, { max_parallel: 1000 }) } });
  const done = await withFiles(place, 256, 'run', './w.toml', '--jobs', '1000');
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stderr, /80 ok/);
});
