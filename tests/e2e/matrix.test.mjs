// The matrix in hand-written requests: every client format x every upstream format x every case, whole and streamed, through the built program.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { startFake } from './fake/server.mjs';
import { clientKey, noBinary, startServer } from './harness.mjs';
import { cases } from './matrix/cases.mjs';
import { Cell } from './matrix/cell.mjs';
import { isFresh } from './matrix/document.mjs';
import { faultOf, faults } from './matrix/faults.mjs';
import { cells, upstreams, waysOf } from './matrix/table.mjs';
import { test } from './timed.mjs';

describe('matrix', { skip: noBinary }, () => {
  let up;
  let server;
  before(async () => {
    up = await startFake({ forbidden: [clientKey] });
    const models = ({ plain, thinks }) => [...new Set([plain, thinks])].map((name) => ({ name }));
    server = await startServer({
      'api-keys': [clientKey],
      providers: Object.entries(upstreams).map(([name, u]) => ({ name: `up-${name}`, ...u.provider(up), models: models(u) })),
    });
  });
  after(async () => {
    await server?.stop('SIGKILL');
    await up?.close();
  });

  async function check(cell, way) {
    up.fake.reset();
    // Within one format the bytes are the client's own.
    up.fake.ours = cell.client !== cell.upstream;
    const run = new Cell({ server, fake: up.fake, cell, way, key: clientKey });
    if (cell.verdict.reject) {
      const e = await rejected(run, cell);
      assert.equal(up.fake.entries.length, cell.verdict.asks ? 1 : 0, 'a rejected request reaches no upstream');
      assert.ok(e.message.length > 10);
      return;
    }
    await cases[cell.name].run(run, { dropped: cell.verdict.drop });
    assert.deepEqual([...run.lost].sort(), [...run.dropped].sort(), 'X-LLM-Mux-Dropped (IR-5)');
    assert.equal(run.rejections(), '', 'the fake refused something');
    for (const e of up.fake.entries) assert.equal(e.format, cell.upstream);
  }

  for (const cell of cells.filter((c) => !c.verdict.absent))
    for (const way of waysOf(cell.client, cell.name)) {
      const fault = faultOf(cell, way);
      test(`${cell.client} -> ${cell.upstream}: ${cell.name}, ${way.title} (${cell.verdict.rule})`, async () => {
        if (fault) await assert.rejects(check(cell, way), undefined, `passes now, take it off the list of faults: ${fault[3]}`);
        else await check(cell, way);
      });
    }

  test('the list of faults names only cells', () => {
    const named = (f) => cells.some((c) => c.client === f[0] && c.upstream === f[1] && c.name === f[2] && !c.verdict.absent);
    assert.deepEqual(faults.filter((f) => !named(f)), []);
  });
});

test('docs/compatibility.md is what the table says', () => {
  assert.ok(isFresh(), 'write it anew: node tests/e2e/matrix/document.mjs --write');
});

/** Runs a case up to its first question, which must fail; gives the error. */
async function rejected(run, cell) {
  let error = null;
  run.ask = async (q) => {
    error = await run.fails(q, 400);
    throw new Error('rejected');
  };
  await assert.rejects(cases[cell.name].run(run, {}), /^Error: rejected$/);
  return error;
}
