// Recorded traffic against a fake: what a vendor took must be taken, what it refused for the request's own fault must be refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Refusal, parseBody } from '../fake/check.mjs';
import { clientRequests, exchanges, noFixtures } from '../fixtures.mjs';

/** What the fake says of a request: null when it takes it, else the reason. */
function verdict(format, route, bytes, path) {
  try {
    const body = format.canonical?.(parseBody(bytes)) ?? parseBody(bytes);
    const found = route.path.exec(path.split('?')[0]);
    format.validate(body, { op: route.op, ours: false, call: route.call?.(found, new URL(path, 'http://recorded')) ?? {} });
    return null;
  } catch (e) {
    if (!(e instanceof Refusal)) throw e;
    return e.message;
  }
}

const routeOf = (format, path) => format.routes.find((r) => r.method === 'POST' && r.path.test(path.split('?')[0]));

/**
 * Tests for every recorded request of these fixture formats. `elsewhere` names those whose recorded fate the request does not
 * explain, with the reason; `pathOf` gives the path of a row as this server has it; `unknown` names models that never existed.
 */
export function recorded(format, { formats, elsewhere, pathOf = (row) => row.url_path, unknown = [] }) {
  describe(`${format.name}: recorded requests`, { skip: noFixtures }, () => {
    const rows = exchanges(...formats).filter((row) => row.requestFile);
    for (const row of rows) {
      const path = pathOf(row);
      const refused = row.status >= 400;
      test(`${refused ? 'refused' : 'accepted'} as recorded (${row.status}): ${row.format}/${row.requestFile}`, () => {
        const route = routeOf(format, path);
        assert.ok(route, `no route for ${path}`);
        const said = verdict(format, route, row.request(), path) ?? (unknown.includes(row.model) ? 'no such model' : null);
        if (elsewhere[row.requestFile]) assert.equal(said !== null, !refused, 'the exception table is out of date');
        else if (refused) assert.notEqual(said, null);
        else assert.equal(said, null);
      });
    }
    test('the exception table names only recorded requests', () => {
      const names = new Set(rows.map((row) => row.requestFile));
      assert.deepEqual(Object.keys(elsewhere).filter((n) => !names.has(n)), []);
    });
  });
}

/** Requests of real clients: taken, but for `refused`: [name pattern, reason pattern]. */
export function captured(format, { paths, refused = [] }) {
  describe(`${format.name}: requests of real clients`, { skip: noFixtures }, () => {
    for (const r of clientRequests(...paths).filter((c) => c.body.length > 4))
      test(`accepted: ${r.name}`, () => {
        const said = verdict(format, routeOf(format, r.path), r.body, r.path);
        const exception = refused.find(([name]) => name.test(r.name));
        if (said !== null && exception) assert.match(said, exception[1]);
        else assert.equal(said, null);
      });
  });
}

/** One good or bad request for every rule: {words: body} or {words: [body, options of validate]}. */
export function rules(format, good, bad) {
  const check = (entry) => {
    const [body, options] = Array.isArray(entry) ? entry : [entry, {}];
    format.validate(format.canonical?.(structuredClone(body)) ?? body, options);
  };
  describe(`${format.name}: rules`, () => {
    for (const [what, entry] of Object.entries(good)) test(`takes: ${what}`, () => check(entry));
    for (const [what, entry] of Object.entries(bad)) test(`refuses: ${what}`, () => assert.throws(() => check(entry), Refusal));
  });
}
