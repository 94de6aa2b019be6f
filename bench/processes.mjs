// Starts, measures and ends the processes of the benchmark: stub, load generator, nginx, llm-mux.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const children = new Set();
let isEnding = false;

/**
 * Starts a program, on one core if `core` is given; stderr goes to `log` (a file), stdin stays open
 * until the child is ended.
 */
function start(program, args, { log, env, core, stdout = 'ignore' }) {
	if (isEnding) throw new Error('interrupted');
	const stderr = fs.openSync(log, 'a');
	const command = core === undefined ? [program, ...args] : ['taskset', '-c', String(core), program, ...args];
	const child = spawn(command[0], command.slice(1), { stdio: ['pipe', stdout, stderr], env });
	fs.closeSync(stderr);
	child.log = log;
	child.stdin.on('error', () => {});
	child.ended = new Promise((resolve) => {
		child.on('error', (error) => resolve({ error: error.message }));
		child.on('exit', (code, signal) => resolve({ code, signal }));
	}).then((how) => {
		children.delete(child);
		child.how = how;
		return how;
	});
	children.add(child);
	return child;
}

/** TERM, and KILL after five seconds. */
export async function end(child) {
	if (!child || child.how) return;
	child.stdin.end();
	child.kill('SIGTERM');
	const late = setTimeout(() => child.kill('SIGKILL'), 5000);
	await child.ended;
	clearTimeout(late);
}

/** Ends every child; none can be started afterwards. */
export async function endAll() {
	isEnding = true;
	await Promise.all([...children].map(end));
}

/** Polls until `probe` gives something truthy; throws with the tail of the log when it cannot. */
async function until(child, what, probe, timeoutMs = 10000) {
	const deadline = Date.now() + timeoutMs;
	for (;;) {
		const found = await probe();
		if (found) return found;
		if (child.how || Date.now() > deadline) {
			const tail = fs.readFileSync(child.log, 'utf8').trim().split('\n').slice(-5).join('\n  ');
			const ended = child.how ? ` (ended: ${JSON.stringify(child.how)})` : '';
			throw new Error(`${what} did not become ready${ended}\n  ${tail}`);
		}
		await sleep(5);
	}
}

// ---- /proc ----

const read = (file) => {
	try {
		return fs.readFileSync(file, 'utf8');
	} catch {
		return '';
	}
};

function threads(pid) {
	try {
		return fs.readdirSync(`/proc/${pid}/task`).map((tid) => `/proc/${pid}/task/${tid}`);
	} catch {
		return [];
	}
}

const childrenOf = (pid) =>
	threads(pid).flatMap((task) => read(`${task}/children`).split(' ').filter(Boolean).map(Number));

/** User and system CPU of a thread in ns. Where the kernel has no schedstat: clock ticks of 10 ms. */
function threadCpuNs(task) {
	const ns = Number(read(`${task}/schedstat`).split(' ')[0]);
	if (ns > 0) return ns;
	const fields = read(`${task}/stat`).split(') ')[1]?.split(' ') ?? [];
	return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1e7;
}

/** CPU and wake-ups so far of a process, its threads and its children. */
export function usage(pid) {
	const total = { cpuNs: 0, wakeups: 0 };
	for (const task of threads(pid)) {
		total.cpuNs += threadCpuNs(task);
		total.wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`${task}/status`))?.[1] ?? 0);
	}
	for (const child of childrenOf(pid)) {
		const of = usage(child);
		total.cpuNs += of.cpuNs;
		total.wakeups += of.wakeups;
	}
	return total;
}

/** Anonymous resident memory of one process in KB. */
export function rssAnonKb(pid) {
	return Number(/^RssAnon:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? NaN);
}

// ---- the four programs ----

/** The provider stub: { child, port }. */
export async function startUpstream(build, dir, core) {
	const child = start(path.join(build, 'bench-upstream'), ['--watch-stdin'], {
		core,
		log: path.join(dir, 'upstream.log'),
		stdout: 'pipe',
	});
	let text = '';
	child.stdout.on('data', (data) => (text += data));
	const port = await until(child, 'bench-upstream', () => Number(/^(\d+)\n/.exec(text)?.[1]));
	return { child, port };
}

/** Runs the load generator once: its report. Throws when an answer was wrong. */
export async function load(build, dir, options, core) {
	const child = startLoad(build, dir, options, core);
	await child.ended;
	return child.report();
}

/** Opens idle streams and holds them until the child is ended: the child, once all are open. */
export async function holdStreams(build, dir, options) {
	const child = startLoad(build, dir, options);
	await until(child, 'bench-load --hold', () => child.output.includes('"holding"'), 60000);
	return child;
}

function startLoad(build, dir, options, core) {
	const args = Object.entries(options).flatMap(([name, value]) =>
		value === true ? [`--${name}`] : value === false ? [] : [`--${name}`, String(value)],
	);
	const child = start(path.join(build, 'bench-load'), args, {
		core,
		log: path.join(dir, 'load.log'),
		stdout: 'pipe',
	});
	child.output = '';
	child.stdout.on('data', (data) => (child.output += data));
	const closed = new Promise((resolve) => child.stdout.on('close', resolve));
	child.ended = Promise.all([child.ended, closed]).then(([how]) => how);
	child.report = () => {
		const last = child.output.trim().split('\n').pop();
		const report = last ? JSON.parse(last) : {};
		if (child.how.code !== 0) {
			throw new Error(`${args.join(' ')}: ${report.failed ?? 'all'} of ${report.requests ?? '?'} answers wrong: ` +
				(report.first_error || read(child.log).trim().split('\n').pop()));
		}
		return report;
	};
	return child;
}

export function findNginx() {
	const places = [process.env.NGINX, ...(process.env.PATH ?? '').split(':').map((d) => path.join(d, 'nginx')), '/usr/sbin/nginx'];
	return places.find((file) => file && fs.existsSync(file));
}

function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer();
		server.on('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

const answers = (port) =>
	new Promise((resolve) => {
		const request = http.get({ host: '127.0.0.1', port, path: '/v1/models', agent: false }, (response) => {
			response.resume();
			response.on('end', () => resolve(response.statusCode === 200));
		});
		request.on('error', () => resolve(false));
	});

/**
 * nginx with one worker beside us: { child, port, pid of the worker }. No access log, and never a
 * limit on requests per connection: nothing that would make it look slower than it is.
 */
export async function startNginx(program, dir, { upstreamPort, core }) {
	const prefix = fs.mkdtempSync(path.join(dir, 'nginx-'));
	const port = await freePort();
	const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
	const config = `
${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${prefix}/nginx.pid;
error_log ${prefix}/error.log warn;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 100000000;
	keepalive_timeout 300s;
	client_max_body_size 64m;
	${temp.map((name) => `${name}_temp_path ${prefix}/${name};`).join('\n\t')}
	upstream stub {
		server 127.0.0.1:${upstreamPort};
		keepalive 64;
		keepalive_requests 100000000;
	}
	server {
		listen 127.0.0.1:${port} backlog=4096;
		location / {
			proxy_pass http://stub;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
			proxy_read_timeout 300s;
		}
	}
}
`;
	fs.writeFileSync(path.join(prefix, 'nginx.conf'), config);
	const log = path.join(prefix, 'error.log');
	const child = start(program, ['-p', prefix, '-e', log, '-c', path.join(prefix, 'nginx.conf')], { log, core });
	await until(child, 'nginx', () => answers(port));
	return { name: 'nginx', child, port, pid: childrenOf(child.pid)[0] };
}

/** An environment without the caller's keys, proxies and configuration. */
function cleanEnvironment(home) {
	fs.mkdirSync(path.join(home, 'run'), { recursive: true, mode: 0o700 });
	return {
		PATH: '/usr/bin:/bin',
		LANG: 'C.UTF-8',
		HOME: home,
		XDG_CONFIG_HOME: path.join(home, 'config'),
		XDG_DATA_HOME: path.join(home, 'data'),
		XDG_STATE_HOME: path.join(home, 'state'),
		XDG_CACHE_HOME: path.join(home, 'cache'),
		XDG_RUNTIME_DIR: path.join(home, 'run'),
	};
}

/** The name of the option that sets the number of loop threads, as the program's schema has it. */
async function threadsOption(program, dir) {
	const home = fs.mkdtempSync(path.join(dir, 'schema-'));
	const child = start(program, ['config', 'schema'], {
		log: path.join(home, 'log'),
		env: cleanEnvironment(home),
		stdout: 'pipe',
	});
	let text = '';
	child.stdout.on('data', (data) => (text += data));
	await new Promise((resolve) => child.stdout.on('close', resolve));
	await child.ended;
	return ['threads', 'loop-threads', 'loops'].find((name) => text.includes(`"${name}"`));
}

/** The providers of the measured gateway, all of them the stub: by prefix, how each is reached. */
const providers = {
	bench: 'type: openai, base-url: "http://127.0.0.1:PORT/v1"',
	bencha: 'type: anthropic, base-url: "http://127.0.0.1:PORT"',
	benchg: 'type: gemini, base-url: "http://127.0.0.1:PORT"',
	benchr: 'type: openai, wire: responses, base-url: "http://127.0.0.1:PORT/v1"',
};

/** The configuration of the measured gateway; one loop, like nginx. */
async function gatewayConfig(program, dir, upstreamPort, models) {
	const threads = await threadsOption(program, dir);
	const provider = ([prefix, reach]) => {
		const list = models.map((name) => `{name: ${prefix}-${name}}`).join(', ');
		return `  - {name: ${prefix}, ${reach.replace('PORT', upstreamPort)}, api-key: bench-key, models: [${list}]}`;
	};
	return ['disable-auth: true', ...(threads ? [`${threads}: 1`] : []), 'providers:', ...Object.entries(providers).map(provider), ''].join('\n');
}

/**
 * llm-mux on a free port: { child, port, pid }. With `upstreamPort` it serves the stub's models;
 * without, it starts as a user's first run does, with nothing configured.
 */
export async function startGateway(program, dir, { upstreamPort, models, core } = {}) {
	const home = fs.mkdtempSync(path.join(dir, 'home-'));
	const args = ['serve', '--port', '0'];
	if (upstreamPort) {
		const file = path.join(home, 'config.yaml');
		fs.writeFileSync(file, await gatewayConfig(program, dir, upstreamPort, models), { mode: 0o600 });
		args.push('--config', file);
	}
	const log = path.join(home, 'stderr.log');
	const child = start(program, args, { log, core, env: cleanEnvironment(home) });
	const port = await until(child, 'llm-mux', () =>
		Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(read(log))?.[1]),
	);
	return { name: 'llm-mux', child, port, pid: child.pid };
}
