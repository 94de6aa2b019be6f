// Turns samples into rows, and rows into the table and the JSON file of the benchmark.

export function median(numbers) {
	const sorted = numbers.filter(Number.isFinite).sort((a, b) => a - b);
	if (sorted.length === 0) return NaN;
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One figure. `ours` and `theirs` are samples in the same order of rounds: the ratio is the median
 * of the rounds' ratios, because the two halves of a round saw the same machine. `limit` is what
 * the value may be, `limitRatio` what the ratio may be, `least` what the value must be; with none the
 * figure is for information.
 */
export function row({ figure, unit, ours = [], theirs = [], limit, limitRatio, least, digits = 1, hasRatio = true }) {
	const value = median(ours);
	const ratios = hasRatio ? ours.map((sample, i) => sample / theirs[i]) : [];
	const ratio = median(ratios);
	const judged = limitRatio === undefined ? value : ratio;
	const bound = limitRatio ?? limit;
	const isMet = least !== undefined ? value >= least : judged <= bound;
	const verdict = (bound ?? least) === undefined || !Number.isFinite(judged) ? '' : isMet ? 'ok' : 'MISSED';
	return { figure, unit, value, nginx: median(theirs), ratio, limit, limitRatio, least, verdict, digits, ours, theirs };
}

const number = (value, digits, suffix = '') => (Number.isFinite(value) ? value.toFixed(digits) + suffix : '-');

/** The table as text, every column as wide as its widest cell. */
export function table(rows) {
	const cells = rows.map((r) => [
		r.figure,
		r.unit,
		number(r.value, r.digits),
		number(r.nginx, r.digits),
		number(r.ratio, 2, 'x'),
		r.limitRatio !== undefined ? `<= ${r.limitRatio.toFixed(2)}x` : r.limit !== undefined ? `<= ${r.limit}` : r.least !== undefined ? `>= ${r.least}` : '-',
		r.verdict || '-',
	]);
	const head = ['figure', 'unit', 'llm-mux', 'nginx', 'ratio', 'target', 'verdict'];
	const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i].length)));
	const isText = (i) => i < 2 || i === 6;
	const line = (texts) =>
		texts.map((text, i) => (isText(i) ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  ').trimEnd();
	return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}
