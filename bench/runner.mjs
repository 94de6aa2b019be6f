// What a workflow costs beside programs that also just start commands: make and GNU parallel, in the same run.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { row } from './report.mjs';

const STEPS = 200;
const ITEMS = 1000;
const LONG = 10_000;

/** Wall and CPU milliseconds of a command and its children, and its largest resident memory in MB. */
function timed(program, args, cwd) {
	// GNU time is not on every machine; the shell's own `times` tells the CPU of what it waited for.
	const script = '"$@" >/dev/null 2>err.txt; code=$?; times; exit $code';
	const begin = process.hrtime.bigint();
	const done = spawnSync('sh', ['-c', script, 'sh', program, ...args], {
		cwd,
		encoding: 'utf8',
		env: { PATH: process.env.PATH, HOME: cwd, XDG_CONFIG_HOME: path.join(cwd, 'config'), XDG_STATE_HOME: path.join(cwd, 'state'), PARALLEL_HOME: cwd, SHELL: '/bin/sh' },
	});
	const wallMs = Number(process.hrtime.bigint() - begin) / 1e6;
	if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${done.status}: ${fs.readFileSync(path.join(cwd, 'err.txt'), 'utf8').slice(0, 300)}`);
	const clock = (text) => {
		const [, minutes, seconds] = /(\d+)m([\d.]+)s/.exec(text);
		return Number(minutes) * 60_000 + Number(seconds) * 1000;
	};
	const cpuMs = done.stdout.trim().split('\n')[1].split(' ').map(clock).reduce((sum, ms) => sum + ms, 0);
	return { wallMs, cpuMs };
}

function writeFiles(dir) {
	const step = (name, rest) => `[[steps]]\nname = "${name}"\ntype = "shell"\n${rest}\n`;
	const numbers = (count) => Array.from({ length: count }, (_, i) => i);
	const write = (name, text) => fs.writeFileSync(path.join(dir, name), text);
	fs.mkdirSync(dir, { recursive: true });
	write('steps.toml', `max_parallel = 2\n${numbers(STEPS).map((i) => step(`s${i}`, 'depends_on = []\nrun = "true;"')).join('')}`);
	write('items.toml', step('each', `for_each = "range(${ITEMS})"\nparallel_items = 2\nrun = "true;"`));
	write('long.toml', numbers(LONG).map((i) => step(`s${i}`, `run = "echo ${i}"\ndepends_on = [${i > 0 ? `"s${i - 1}"` : ''}]`)).join(''));
	// A semicolon makes make use a shell, as the others do.
	const rules = (count) => `all: ${numbers(count).map((i) => `t${i}`).join(' ')}\n${numbers(count).map((i) => `t${i}:\n\t@true;\n`).join('')}`;
	write('steps.mk', rules(STEPS));
	write('items.mk', rules(ITEMS));
	write('numbers', `${numbers(ITEMS).join('\n')}\n`);
	write('first-numbers', `${numbers(STEPS).join('\n')}\n`);
}

/** The peak memory of validating, from the kernel, in MB. */
function peakMb(program, args, cwd) {
	const out = execFileSync('sh', ['-c', '"$@" >/dev/null & pid=$!; peak=0; while kill -0 $pid 2>/dev/null; do now=$(sed -n "s/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p" /proc/$pid/status 2>/dev/null); [ -n "$now" ] && peak=$now; done; wait $pid; echo $peak', 'sh', program, ...args], { cwd, encoding: 'utf8' });
	return Number(out.trim()) / 1024;
}

/** Rows of the benchmark's table; nginx's column holds `make -j2` or GNU parallel, as the row says. */
export function runnerRows(run) {
	if (!run.gateway) return [];
	const dir = path.join(run.dir, 'runner');
	const program = run.gateway;
	writeFiles(dir);
	const hasParallel = spawnSync('parallel', ['--version']).status === 0;
	const samples = [];
	const rounds = Math.min(run.size.rounds, 3);
	for (let i = 0; i < rounds; i++) {
		samples.push({
			steps: timed(program, ['run', './steps.toml'], dir),
			stepsMake: timed('make', ['-s', '-j2', '-f', 'steps.mk'], dir),
			items: timed(program, ['run', './items.toml'], dir),
			itemsMake: timed('make', ['-s', '-j2', '-f', 'items.mk'], dir),
			itemsParallel: hasParallel ? timed('parallel', ['-j2', '-a', 'numbers', '--', 'true; : '], dir) : undefined,
			validate: timed(program, ['validate', './long.toml'], dir),
			validateMb: peakMb(program, ['validate', './long.toml'], dir),
		});
	}
	if (!hasParallel) process.stderr.write('GNU parallel: not measured, it is not installed\n');
	const pick = (name, field, per = 1) => samples.map((sample) => (sample[name] ? sample[name][field] / per : NaN));
	return [
		row({ figure: 'shell step `true`, beside make -j2', unit: 'ms CPU/step', ours: pick('steps', 'cpuMs', STEPS), theirs: pick('stepsMake', 'cpuMs', STEPS), digits: 2 }),
		row({ figure: 'shell step `true`, beside make -j2', unit: 'ms/step', ours: pick('steps', 'wallMs', STEPS), theirs: pick('stepsMake', 'wallMs', STEPS), digits: 2 }),
		row({ figure: 'for_each of 1,000, beside make -j2', unit: 'ms CPU/item', ours: pick('items', 'cpuMs', ITEMS), theirs: pick('itemsMake', 'cpuMs', ITEMS), digits: 2 }),
		row({ figure: 'for_each of 1,000, beside make -j2', unit: 'ms/item', ours: pick('items', 'wallMs', ITEMS), theirs: pick('itemsMake', 'wallMs', ITEMS), digits: 2 }),
		row({ figure: 'for_each of 1,000, beside GNU parallel -j2', unit: 'ms/item', ours: pick('items', 'wallMs', ITEMS), theirs: pick('itemsParallel', 'wallMs', ITEMS), digits: 2 }),
		row({ figure: 'validating 10,000 steps', unit: 's', ours: pick('validate', 'wallMs', 1000), limit: 1, digits: 2 }),
		row({ figure: 'validating 10,000 steps', unit: 'MB peak', ours: samples.map((sample) => sample.validateMb), limit: 200 }),
	];
}
