// The benchmark's plan: what is measured, in which order, against which target. Started by bench/run.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as processes from './processes.mjs';
import { median, row, table } from './report.mjs';
import { runnerRows } from './runner.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const usageText = `usage: bench/run [--quick] [--only nginx|llm-mux] [--rounds N] [--json FILE] [--build DIR] [--unpinned]
  --quick      one small round, to see that everything runs
  --only NAME  measure one of the two
  --rounds N   interleaved rounds (BENCH_ROUNDS, else 5)
  --json FILE  write every figure with its samples
  --build DIR  where llm-mux, bench-upstream and bench-load are (build/release)
  --unpinned   let the scheduler place the processes
Exit status: 0 everything was measured, whatever the figures; 1 something failed to run; 2 usage.
`;

/** What a full and what a quick run do. */
const sizes = {
	full: { rounds: 5, slices: 6, requests: 2000, pacedStreams: 8, burstStreams: 40, lone: 500, loneStreams: 50, idle: 1000, starts: 5 },
	quick: { rounds: 1, slices: 1, requests: 1000, pacedStreams: 8, burstStreams: 20, lone: 200, loneStreams: 20, idle: 200, starts: 1 },
};

const DELTAS = 200;
const LONE_DELTAS = 20;
/*
 * Time between two deltas, over all streams. Long enough that a proxy is asleep again before the
 * next delta comes, so that each costs it one wake-up, as in real life; the run shows the wake-ups.
 */
const PACE_US = 150;
const MODELS = {
	json: 'model',
	paced: `model-e${DELTAS}-u${PACE_US}`,
	burst: `model-e${DELTAS}-u0`,
	lone: `model-e${LONE_DELTAS}-u0`,
	idle: 'model-idle',
};

/** The dialects, as the load generator names them, each with the prefix of the provider that speaks it. */
const DIALECTS = { openai: 'bench', anthropic: 'bencha', gemini: 'benchg', responses: 'benchr' };
const otherDialect = { openai: 'anthropic', anthropic: 'openai' };

/** Which client reaches which upstreams. */
const everyPair = Object.fromEntries(Object.keys(DIALECTS).map((client) => [client, Object.keys(DIALECTS)]));
const twoByTwo = { openai: ['openai', 'anthropic'], anthropic: ['anthropic', 'openai'] };

const KINDS = {
	json: { title: 'JSON', unit: 'us CPU/request', same: 2.2, translated: 2.5, pairs: twoByTwo },
	paced: { title: 'SSE', unit: 'us CPU/chunk', same: 1.2, translated: 1.4, pairs: everyPair },
	burst: { title: 'SSE in bursts', unit: 'us CPU/chunk', pairs: twoByTwo },
};

function readOptions() {
	const options = {
		quick: { type: 'boolean' },
		only: { type: 'string' },
		rounds: { type: 'string' },
		json: { type: 'string' },
		build: { type: 'string' },
		unpinned: { type: 'boolean' },
		help: { type: 'boolean' },
	};
	try {
		const { values } = parseArgs({ options });
		const rounds = values.rounds ?? process.env.BENCH_ROUNDS;
		if (rounds !== undefined && !/^[1-9]\d?$/.test(rounds)) throw new Error(`rounds: a number from 1 to 99, not "${rounds}"`);
		if (![undefined, 'nginx', 'llm-mux'].includes(values.only)) throw new Error(`--only takes nginx or llm-mux, not "${values.only}"`);
		if (values.help) {
			process.stdout.write(usageText);
			process.exit(0);
		}
		return { ...values, rounds };
	} catch (error) {
		process.stderr.write(`bench/run: ${error.message}\n${usageText}`);
		process.exit(2);
	}
}

/**
 * Where the scheduler puts proxy, stub and load changes what a wake-up costs by a third, and it
 * may stay that way for seconds. So the proxies and the stub share one core, the load has another.
 */
function chooseCores({ unpinned }) {
	const allowed = /^Cpus_allowed_list:\s+(\S+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
	const cores = allowed.split(',').flatMap((range) => {
		const [first, last = first] = range.split('-').map(Number);
		return Array.from({ length: last - first + 1 }, (_, i) => first + i);
	});
	const hasTaskset = (process.env.PATH ?? '').split(':').some((dir) => fs.existsSync(path.join(dir, 'taskset')));
	return unpinned || !hasTaskset || cores.length < 2 ? {} : { load: cores[0], proxy: cores[1] };
}

/** Everything one run needs: where things are, how much to do, what went wrong. */
function plan() {
	const options = readOptions();
	const size = { ...(options.quick ? sizes.quick : sizes.full) };
	size.rounds = Number(options.rounds ?? size.rounds);
	const build = path.resolve(options.build ?? path.join(root, 'build/release'));
	const run = { options, size, build, cores: chooseCores(options), failures: [], notes: [] };
	for (const name of ['bench-upstream', 'bench-load']) {
		if (!fs.existsSync(path.join(build, name))) {
			throw new Error(`${path.join(build, name)} is missing: run "make bench-binaries"`);
		}
	}
	if (options.only !== 'nginx') {
		run.gateway = path.join(build, 'llm-mux');
		if (!fs.existsSync(run.gateway)) {
			throw new Error(`${run.gateway} is missing: run "make build", or measure with --only nginx`);
		}
	}
	if (options.only !== 'llm-mux') {
		run.nginx = processes.findNginx();
		if (!run.nginx) run.notes.push('nginx is not installed: our figures stand alone, ratios cannot be judged');
	}
	if (!run.gateway && !run.nginx) throw new Error('nothing to measure');
	run.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'llm-mux-bench-'));
	return run;
}

/** Runs one part; a failure is kept for the end, and the other parts go on. */
async function attempt(run, what, part) {
	try {
		return await part();
	} catch (error) {
		run.failures.push(`${what}: ${error.message}`);
		return undefined;
	}
}

const startNginx = (run, core) => processes.startNginx(run.nginx, run.dir, { upstreamPort: run.upstream.port, core });
const startGateway = (run, core) =>
	processes.startGateway(run.gateway, run.dir, { upstreamPort: run.upstream.port, models: Object.values(MODELS), core });

// ---- CPU per unit ----

/** The CPU figures: each with the client's dialect, the provider it reaches, and its baseline. */
function cpuFigures() {
	return Object.entries(KINDS).flatMap(([kind, { title, pairs }]) =>
		Object.entries(pairs).flatMap(([dialect, upstreams]) =>
			upstreams.map((upstream) => {
				const road = upstream === dialect ? 'same' : 'translated';
				const name = road === 'same' ? `same-format ${title}, ${dialect}` : `translated ${title}, ${dialect} -> ${upstream}`;
				return { kind, dialect, road, name, model: `${DIALECTS[upstream]}-${MODELS[kind]}`, key: `${kind} ${dialect}` };
			}),
		),
	);
}

/** What nginx is measured with: the client's dialect all the way. */
const baseline = ({ kind, dialect }) => ({ kind, dialect, model: `${DIALECTS[dialect]}-${MODELS[kind]}` });

function loadOf(run, { kind, dialect, model }) {
	if (kind === 'json') return { dialect, model, concurrency: 8, requests: run.size.requests };
	const streams = kind === 'paced' ? run.size.pacedStreams : run.size.burstStreams;
	return { dialect, model, stream: true, concurrency: 4, requests: streams, texts: DELTAS };
}

/** One slice: CPU, wake-ups and reads of the client per request or per delta. */
async function measure(run, proxy, figure) {
	const before = processes.usage(proxy.pid);
	const report = await processes.load(run.build, run.dir, { port: proxy.port, ...loadOf(run, figure) }, run.cores.load);
	await processes.sleep(10); /* the proxy still closes the client's connections */
	const after = processes.usage(proxy.pid);
	const units = figure.kind === 'json' ? report.right : report.texts;
	return {
		cpuUs: (after.cpuNs - before.cpuNs) / 1000 / units,
		wakeups: (after.wakeups - before.wakeups) / units,
		reads: report.reads / units,
	};
}

/**
 * One round. For each kind and client dialect nginx and all of our roads take turns, slice by
 * slice, so that all see the same machine. What disturbs a slice (another process, the
 * hypervisor) only ever adds CPU, so the round's sample is its cheapest slice, for all alike.
 */
async function cpuRound(run, proxies, figures, slices) {
	const samples = {};
	for (const key of new Set(figures.map((figure) => figure.key))) {
		const group = figures.filter((figure) => figure.key === key);
		const turns = [
			...(proxies.nginx ? [{ proxy: proxies.nginx, figure: baseline(group[0]), name: `nginx ${key}` }] : []),
			...(proxies.gateway ? group.map((figure) => ({ proxy: proxies.gateway, figure, name: figure.name })) : []),
		];
		for (let slice = 0; slice < slices; slice++) {
			for (const { proxy, figure, name } of slice % 2 ? [...turns].reverse() : turns) {
				const sample = await attempt(run, name, () => measure(run, proxy, figure));
				(samples[name] ??= []).push(sample ?? {});
			}
		}
	}
	const cheapest = (list) => list.reduce((best, slice) => (slice.cpuUs < best.cpuUs || best.cpuUs === undefined ? slice : best));
	return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, cheapest(list)]));
}

function cpuRows(figures, rounds) {
	const pick = (name) => rounds.map((round) => round[name]?.cpuUs);
	return figures.map((figure) => {
		return row({
			figure: figure.name,
			unit: KINDS[figure.kind].unit,
			ours: pick(figure.name),
			theirs: pick(`nginx ${figure.key}`),
			limitRatio: KINDS[figure.kind][figure.road],
			digits: 2,
		});
	});
}

/** Was the pacing clean: did both sides wake once for each delta, and did none arrive glued? */
function pacingNotes(figures, rounds) {
	return figures
		.filter(({ kind }) => kind === 'paced')
		.flatMap(({ name, key, road }) => (road === 'same' ? [`nginx ${key}`, name] : [name]))
		.filter((name) => rounds.some((round) => round[name]?.wakeups !== undefined))
		.map((name) => {
			const [wakeups, reads] = ['wakeups', 'reads'].map((field) => median(rounds.map((round) => round[name][field])));
			const isClean = Math.abs(wakeups - 1) < 0.1 && Math.abs(reads - 1) < 0.1;
			const clean = isClean ? '' : '  (not one for one: see "Pacing" in bench/README.md)';
			return `${name}: ${wakeups.toFixed(2)} wake-ups and ${reads.toFixed(2)} client reads per delta${clean}`;
		});
}

// ---- latency at concurrency 1 ----

async function lone(run, port, road, dialect) {
	const provider = DIALECTS[road === 'translated' ? otherDialect[dialect] : dialect];
	const json = { port, dialect, model: `${provider}-${MODELS.json}`, requests: run.size.lone };
	const stream = { port, dialect, model: `${provider}-${MODELS.lone}`, stream: true, requests: run.size.loneStreams, texts: LONE_DELTAS };
	const [whole, streamed] = [await processes.load(run.build, run.dir, json, run.cores.load), await processes.load(run.build, run.dir, stream, run.cores.load)];
	return {
		p50: whole.latency_us.p50,
		p99: whole.latency_us.p99,
		firstByte: streamed.first_byte_us.p50,
		slowPercent: (100 * (whole.over_35_ms + streamed.over_35_ms)) / (run.size.lone + run.size.loneStreams),
	};
}

const LONE_ROADS = { direct: 'upstream', nginx: 'nginx', same: 'gateway', translated: 'gateway' };

async function latencyRound(run, proxies, samples) {
	for (const [road, through] of Object.entries(LONE_ROADS)) {
		const proxy = through === 'upstream' ? run.upstream : proxies[through];
		const sample = proxy && (await attempt(run, `latency, ${road}`, () => lone(run, proxy.port, road, 'openai')));
		(samples[road] ??= []).push(sample ?? {});
	}
}

function latencyRows(samples) {
	const added = (road, field) => (samples[road] ?? []).map((sample, i) => sample[field] - samples.direct[i][field]);
	const figures = [
		['added latency p50, JSON', 'p50'],
		['added latency p99, JSON', 'p99'],
		['added time to first byte p50, SSE', 'firstByte'],
	];
	const rows = figures.flatMap(([name, field]) =>
		['same', 'translated'].map((road) =>
			row({
				figure: `${name}, ${road === 'same' ? 'same format' : 'translated'}`,
				unit: 'us',
				ours: added(road, field),
				theirs: added('nginx', field),
				digits: 0,
			}),
		),
	);
	const slow = (...roads) => roads.flatMap((road) => samples[road] ?? []).map((sample) => sample.slowPercent);
	rows.push(
		row({ figure: 'answers with a step of 35 ms or more', unit: '% of answers', ours: slow('same', 'translated'), theirs: slow('nginx'), limit: 0.5, digits: 2, hasRatio: false }),
	);
	return rows;
}

// ---- translating ----

/** The largest request of an agent among the recorded ones, as {name, body}; null without the recordings. */
function largestAgentRequest() {
	const folder = path.join(process.env.LLM_MUX_FIXTURES ?? path.join(root, '../shared/fixtures'), 'clients');
	if (!fs.existsSync(folder)) return null;
	let largest = null;
	for (const name of fs.readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.json')).sort()) {
		const file = path.join(folder, name);
		if (fs.statSync(file).size <= (largest?.size ?? 0)) continue;
		const capture = JSON.parse(fs.readFileSync(file, 'utf8'));
		if (capture.path?.startsWith('/v1/messages') && capture.body) largest = { name, size: fs.statSync(file).size, body: JSON.stringify(capture.body) };
	}
	return largest;
}

/** What translating alone costs, in one process: each delta of a stream by the pair of dialects, and an agent's request. */
function translateRows(run) {
	if (!run.gateway) return [];
	const request = largestAgentRequest();
	const files = [];
	if (request) {
		files.push(path.join(run.build, 'bench-request.json'));
		fs.writeFileSync(files[0], request.body);
	} else process.stderr.write('translating a request: not measured, no recorded requests beside the checkout\n');
	const samples = Array.from({ length: run.size.rounds }, () =>
		JSON.parse(execFileSync(path.join(run.build, 'bench-translate'), files, { cwd: root })));
	const rows = Object.keys(samples[0].stream).map((pair) =>
		row({ figure: `delta ${pair}`, unit: 'us CPU/delta', ours: samples.map((s) => s.stream[pair]), limit: 1, digits: 2 }));
	for (const to of Object.keys(samples[0].request ?? {}))
		rows.push(row({ figure: `${Math.round(samples[0].requestBytes / 1000)} KB agent request to ${to}`, unit: 'ms CPU', ours: samples.map((s) => s.request[to]), limit: 1, digits: 2 }));
	return rows;
}

// ---- counting tokens ----

/** Speed of one core over the documents and sources of this repository; empty without vocabularies. */
function tokenRows(run) {
	const vocabularies = path.join(run.build, 'llm-mux.tokens');
	if (!run.gateway || !fs.existsSync(vocabularies)) {
		process.stderr.write('tokens: not measured, no vocabularies in this build\n');
		return [];
	}
	const files = ['docs/architecture.md', 'README.md', ...fs.readdirSync(path.join(root, 'src/formats')).sort().map((name) => `src/formats/${name}`)];
	const samples = Array.from({ length: run.size.rounds }, () =>
		JSON.parse(execFileSync(path.join(run.build, 'bench-tokens'), [vocabularies, ...files], { cwd: root })));
	const pick = (field) => samples.map((sample) => sample[field]);
	return [
		row({ figure: 'tokens o200k, mixed text', unit: 'MB/s of one core', ours: pick('o200k'), least: 5 }),
		row({ figure: 'tokens cl100k, mixed text', unit: 'MB/s of one core', ours: pick('cl100k'), least: 5 }),
		row({ figure: 'tokens o200k, 1 MB of one letter', unit: 'ms CPU', ours: pick('letterMs') }),
	];
}

// ---- templates ----

/** Speed of one core over templates of 100 KB of output. */
function templateRows(run) {
	const samples = Array.from({ length: run.size.rounds }, () =>
		JSON.parse(execFileSync(path.join(run.build, 'bench-template'), { cwd: root })));
	const pick = (field) => samples.map((sample) => sample[field]);
	return [
		row({ figure: 'template, 100 KB prompt', unit: 'MB/s of one core', ours: pick('prompt'), least: 50 }),
		row({ figure: 'template, 100 KB of a loop', unit: 'MB/s of one core', ours: pick('list'), least: 50 }),
		row({ figure: 'template, 100 KB command, quoted', unit: 'MB/s of one core', ours: pick('command') }),
		row({ figure: 'template, parsing', unit: 'MB/s of one core', ours: pick('parse') }),
	];
}

// ---- memory, start, size ----

/** KB of anonymous memory that one open, silent stream costs a fresh proxy. */
async function memoryPerStream(run, start, model) {
	const proxy = await start(run);
	try {
		const warm = { port: proxy.port, dialect: 'openai', model: model.replace(MODELS.idle, MODELS.lone), stream: true, requests: 4, texts: LONE_DELTAS };
		await processes.load(run.build, run.dir, warm);
		await processes.sleep(100);
		const before = processes.rssAnonKb(proxy.pid);
		const holder = await processes.holdStreams(run.build, run.dir, { port: proxy.port, dialect: 'openai', model, hold: run.size.idle });
		await processes.sleep(200);
		const after = processes.rssAnonKb(proxy.pid);
		await processes.end(holder);
		holder.report(); /* throws when a stream ended by itself */
		return (after - before) / run.size.idle;
	} finally {
		await processes.end(proxy.child);
	}
}

async function memoryRows(run) {
	const [same, translated] = [`bench-${MODELS.idle}`, `bencha-${MODELS.idle}`];
	const one = async (what, start, model) => {
		const kb = await attempt(run, `memory per stream, ${what}`, () => memoryPerStream(run, start, model));
		return kb === undefined ? [] : [kb];
	};
	const theirs = run.nginx ? await one('nginx', startNginx, same) : [];
	const rows = [];
	for (const [road, model] of Object.entries({ 'same format': same, translated })) {
		const ours = run.gateway ? await one(road, startGateway, model) : [];
		rows.push(row({ figure: `memory of an open stream (${run.size.idle} idle), ${road}`, unit: 'KB anonymous', ours, theirs, limit: 40 }));
	}
	return rows;
}

/** A start with nothing configured and one answer: CPU in ms, anonymous memory in MB afterwards. */
async function oneStart(run, start, model) {
	const proxy = await start();
	try {
		await processes.load(run.build, run.dir, { port: proxy.port, model, texts: 0, 'prompt-bytes': 20 });
		await processes.sleep(20);
		const { cpuNs } = processes.usage(proxy.child.pid);
		await processes.sleep(200);
		return { cpuMs: cpuNs / 1e6, rssMb: processes.rssAnonKb(proxy.pid) / 1024 };
	} finally {
		await processes.end(proxy.child);
	}
}

async function startRows(run) {
	const starts = { ours: [], theirs: [] };
	for (let i = 0; i < run.size.starts; i++) {
		const ours = run.gateway && (await attempt(run, 'start', () => oneStart(run, () => processes.startGateway(run.gateway, run.dir), 'demo/echo')));
		const theirs = run.nginx && (await attempt(run, 'start of nginx', () => oneStart(run, () => startNginx(run), 'bench-model')));
		starts.ours.push(ours || {});
		starts.theirs.push(theirs || {});
	}
	const pick = (field) => ({ ours: starts.ours.map((s) => s[field]), theirs: starts.theirs.map((s) => s[field]) });
	const megabytes = (program) => (program ? [fs.statSync(program).size / 1048576] : []);
	return [
		row({ figure: 'idle memory', unit: 'MB anonymous', ...pick('rssMb'), limit: 6, digits: 2 }),
		row({ figure: 'start and one answer', unit: 'ms CPU', ...pick('cpuMs'), limit: 40 }),
		row({ figure: 'binary size', unit: 'MB', ours: megabytes(run.gateway), theirs: megabytes(run.nginx), digits: 2 }),
	];
}

// ---- the run ----

async function measureAll(run) {
	run.upstream = await processes.startUpstream(run.build, run.dir, run.cores.proxy);
	const proxies = {
		nginx: run.nginx && (await startNginx(run, run.cores.proxy)),
		gateway: run.gateway && (await attempt(run, 'llm-mux', () => startGateway(run, run.cores.proxy))),
	};
	const figures = cpuFigures();
	const [cpu, latency] = [[], {}];
	await cpuRound(run, proxies, figures, 1); /* warm-up */
	for (let i = 0; i < run.size.rounds; i++) {
		process.stderr.write(`round ${i + 1} of ${run.size.rounds}\n`);
		cpu.push(await cpuRound(run, proxies, figures, run.size.slices));
		await latencyRound(run, proxies, latency);
	}
	await processes.end(proxies.nginx?.child);
	await processes.end(proxies.gateway?.child);
	run.notes.push(...pacingNotes(figures, cpu));
	process.stderr.write('memory and start\n');
	return [...cpuRows(figures, cpu), ...latencyRows(latency), ...(await memoryRows(run)), ...(await startRows(run)), ...translateRows(run), ...tokenRows(run), ...templateRows(run), ...runnerRows(run)];
}

const firstLine = (program, args) => {
	try {
		return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0];
	} catch {
		return '';
	}
};

function describe(run) {
	return {
		pinned: run.cores.proxy !== undefined,
		date: new Date().toISOString(),
		cpu: os.cpus()[0]?.model.trim(),
		cores: os.cpus().length,
		kernel: os.release(),
		load: os.loadavg()[0],
		commit: firstLine('git', ['-C', root, 'rev-parse', '--short', 'HEAD']),
		rounds: run.size.rounds,
		quick: Boolean(run.options.quick),
	};
}

async function main() {
	const run = plan();
	const about = describe(run);
	const cleanUp = () => fs.rmSync(run.dir, { recursive: true, force: true });
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
		process.on(signal, async () => {
			await processes.endAll();
			cleanUp();
			process.exit(1);
		});
	}
	let rows = [];
	try {
		rows = await measureAll(run);
	} catch (error) {
		run.failures.push(error.message);
	} finally {
		await processes.endAll();
		cleanUp();
	}
	console.log(`${about.cores} x ${about.cpu}, Linux ${about.kernel}, load ${about.load.toFixed(1)}, ${about.pinned ? 'pinned' : 'unpinned'}, commit ${about.commit}, medians of ${about.rounds} round(s)\n`);
	console.log(table(rows));
	console.log(`\n${run.notes.join('\n')}`);
	if (run.options.json) {
		fs.writeFileSync(run.options.json, JSON.stringify({ about, rows, notes: run.notes, failures: run.failures }, null, '\t') + '\n');
	}
	for (const failure of new Set(run.failures)) console.error(`failed: ${failure}`);
	process.exit(run.failures.length > 0 ? 1 : 0);
}

main().catch((error) => {
	process.stderr.write(`bench/run: ${error.message}\n`);
	process.exit(1);
});
