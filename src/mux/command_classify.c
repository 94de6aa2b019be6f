/* command_classify.c: what a program that failed meant, by what it said (workflows.md 2.5). */
#include <ctype.h>

#include "base/encoding.h"
#include "mux/command_internal.h"

/* Of stdout only the end is looked at: what comes before it is the answer. */
#define STDOUT_TAIL ((size_t)4 * 1024)
#define LINE_MAX_BYTES 300

struct pattern {
	enum error_kind kind;
	const char *text;
	bool is_word;
};
/* The first that matches counts. */
static const struct pattern patterns[] = {
	{ERROR_UPSTREAM_CREDENTIAL, "unauthorized", false},
	{ERROR_UPSTREAM_CREDENTIAL, "invalid api key", false},
	{ERROR_UPSTREAM_CREDENTIAL, "invalid x-api-key", false},
	{ERROR_UPSTREAM_CREDENTIAL, "authentication", false},
	{ERROR_UPSTREAM_CREDENTIAL, "not logged in", false},
	{ERROR_UPSTREAM_CREDENTIAL, "please log in", false},
	{ERROR_UPSTREAM_CREDENTIAL, "please run /login", false},
	{ERROR_UPSTREAM_CREDENTIAL, "api key not found", false},
	{ERROR_UPSTREAM_CREDENTIAL, "401", true},
	{ERROR_UPSTREAM_CREDENTIAL, "403", true},
	{ERROR_RATE_LIMIT, "rate limit", false},
	{ERROR_RATE_LIMIT, "rate-limit", false},
	{ERROR_RATE_LIMIT, "rate_limit", false},
	{ERROR_RATE_LIMIT, "ratelimit", false},
	{ERROR_RATE_LIMIT, "too many requests", false},
	{ERROR_RATE_LIMIT, "quota exceeded", false},
	{ERROR_RATE_LIMIT, "resource_exhausted", false},
	{ERROR_RATE_LIMIT, "resource exhausted", false},
	{ERROR_RATE_LIMIT, "overloaded", false},
	{ERROR_RATE_LIMIT, "usage limit", false},
	{ERROR_RATE_LIMIT, "429", true},
	{ERROR_RATE_LIMIT, "529", true},
	/* Here stand the backend's own rate_limit_patterns. */
	{ERROR_NETWORK, "connection refused", false},
	{ERROR_NETWORK, "connection reset", false},
	{ERROR_NETWORK, "connection timed out", false},
	{ERROR_NETWORK, "could not resolve", false},
	{ERROR_NETWORK, "name resolution", false},
	{ERROR_NETWORK, "enotfound", false},
	{ERROR_NETWORK, "econnrefused", false},
	{ERROR_NETWORK, "econnreset", false},
	{ERROR_NETWORK, "etimedout", false},
	{ERROR_NETWORK, "network is unreachable", false},
	{ERROR_NETWORK, "502", true},
	{ERROR_NETWORK, "503", true},
};
#define PATTERN_COUNT (sizeof patterns / sizeof *patterns)

static bool is_word_byte(char byte) {
	return isalnum((unsigned char)byte) || byte == '_' || (byte & 0x80) != 0;
}

/* Where the text stands, from an offset on; SIZE_MAX: nowhere. */
static size_t find_folded(struct slice text, size_t from, struct slice needle) {
	for (size_t at = from; at + needle.len <= text.len && needle.len > 0; at++) {
		if (slice_istarts_with(slice_from(text, at), needle)) {
			return at;
		}
	}
	return SIZE_MAX;
}

static bool has_word(struct slice text, struct slice word) {
	size_t at = find_folded(text, 0, word);
	while (at != SIZE_MAX) {
		size_t end = at + word.len;
		if ((at == 0 || !is_word_byte(text.data[at - 1])) &&
			(end == text.len || !is_word_byte(text.data[end]))) {
			return true;
		}
		at = find_folded(text, at + 1, word);
	}
	return false;
}

/* The two places a program may say it in. */
struct said {
	struct slice texts[2];
};

static bool says(const struct said *said, struct slice text, bool is_word) {
	for (size_t i = 0; i < 2; i++) {
		if (is_word ? has_word(said->texts[i], text)
			    : slice_icontains(said->texts[i], text)) {
			return true;
		}
	}
	return false;
}

static bool says_any(const struct said *said, const struct option_strings *texts) {
	for (size_t i = 0; texts != NULL && i < texts->len; i++) {
		if (texts->items[i].len > 0 && says(said, texts->items[i], false)) {
			return true;
		}
	}
	return false;
}

static enum error_kind find_kind(const struct said *said, const struct option_strings *more) {
	bool has_tried_more = false;
	for (size_t i = 0; i < PATTERN_COUNT; i++) {
		if (patterns[i].kind == ERROR_NETWORK && !has_tried_more) {
			has_tried_more = true;
			if (says_any(said, more)) {
				return ERROR_RATE_LIMIT;
			}
		}
		if (says(said, slice_of(patterns[i].text), patterns[i].is_word)) {
			return patterns[i].kind;
		}
	}
	return ERROR_INTERNAL;
}

/* ---- "retry after 30", "try again in 1.5m" ---- */

static const char *const delay_words[] = {
	"retry after ", "retry-after: ", "retry-after:", "try again in ", NULL};

/* The unit behind a number; one second when none is there. */
static double unit_ms(struct slice text) {
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		{"milliseconds", 1},
		{"ms", 1},
		{"minutes", 60000},
		{"minute", 60000},
		{"min", 60000},
		{"m", 60000},
		{"hours", 3600000},
		{"hour", 3600000},
		{"h", 3600000},
	};
	text = slice_trim(text);
	size_t len = 0;
	while (len < text.len && isalpha((unsigned char)text.data[len])) {
		len++;
	}
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (slice_ieq(slice_sub(text, 0, len), slice_of(units[i].name))) {
			return units[i].ms;
		}
	}
	return 1000;
}

/* -1 when no number stands there. A day is as good as for ever to who waits. */
static int64_t read_delay_ms(struct slice text) {
	const double most = 24 * 3600 * 1000.0;
	double number = 0;
	double place = 1;
	size_t at = 0;
	for (; at < text.len && isdigit((unsigned char)text.data[at]); at++) {
		number = number < most ? number * 10 + (text.data[at] - '0') : number;
	}
	if (at == 0) {
		return -1;
	}
	if (at + 1 < text.len && text.data[at] == '.' &&
		isdigit((unsigned char)text.data[at + 1])) {
		for (at++; at < text.len && isdigit((unsigned char)text.data[at]); at++) {
			place /= 10;
			number += place * (text.data[at] - '0');
		}
	}
	double delay = number * unit_ms(slice_sub(text, at, 16));
	return (int64_t)(delay < most ? delay : most);
}

static int64_t find_delay_ms(struct slice text) {
	for (size_t i = 0; delay_words[i] != NULL; i++) {
		struct slice words = slice_of(delay_words[i]);
		size_t at = find_folded(text, 0, words);
		while (at != SIZE_MAX) {
			int64_t delay_ms = read_delay_ms(slice_from(text, at + words.len));
			if (delay_ms >= 0) {
				return delay_ms;
			}
			at = find_folded(text, at + 1, words);
		}
	}
	return -1;
}

void command_classify(struct slice err, struct slice out, const struct option_strings *more,
	struct error *error) {
	size_t tail = out.len < STDOUT_TAIL ? out.len : STDOUT_TAIL;
	const struct said said = {{err, slice_from(out, out.len - tail)}};
	error->kind = find_kind(&said, more);
	if (error->kind == ERROR_RATE_LIMIT || error->kind == ERROR_NETWORK) {
		int64_t delay_ms = find_delay_ms(said.texts[0]);
		error->retry_after_ms = delay_ms >= 0 ? delay_ms : find_delay_ms(said.texts[1]);
	}
}

/* ---- the line for people ---- */

/* Without escape sequences of terminals and other control characters. */
static struct slice clean_line(struct slice line, struct arena *arena) {
	struct buf out = {0};
	for (size_t i = 0; i < line.len && out.len < LINE_MAX_BYTES; i++) {
		char byte = line.data[i];
		if (byte == '\033' && i + 1 < line.len && line.data[i + 1] == '[') {
			for (i += 2; i < line.len && (line.data[i] < '@' || line.data[i] > '~');) {
				i++;
			}
		} else if ((unsigned char)byte >= ' ' && byte != 0x7f) {
			buf_append_byte(&out, byte);
		} else {
			buf_append_byte(&out, ' ');
		}
	}
	/* The cut may have gone through a character. */
	struct slice whole = slice_sub(buf_slice(&out), 0, utf8_whole_prefix(buf_slice(&out)));
	struct slice clean = arena_dup(arena, slice_trim(whole));
	buf_finish(&out);
	return clean;
}

/* How much a line of stderr tells: programs print headers and warnings before what went wrong. */
enum telling {
	TELLS_NOTHING,
	TELLS_WARNING,
	TELLS_SOMETHING,
	TELLS_ERROR
};

static enum telling judge_line(struct slice line) {
	if (line.len == 0) {
		return TELLS_NOTHING;
	}
	if (has_word(line, SLICE("error"))) {
		return TELLS_ERROR;
	}
	return has_word(line, SLICE("warning")) || has_word(line, SLICE("warn")) ? TELLS_WARNING
										 : TELLS_SOMETHING;
}

struct slice command_telling_line(struct slice err, struct slice out, struct arena *arena) {
	struct slice line;
	struct slice found = {0};
	enum telling most = TELLS_NOTHING;
	while (most != TELLS_ERROR && slice_split(&err, '\n', &line)) {
		struct slice clean = clean_line(line, arena);
		enum telling tells = judge_line(clean);
		if (tells > most) {
			most = tells;
			found = clean;
		}
	}
	if (most != TELLS_NOTHING) {
		return found;
	}
	size_t tail = out.len < STDOUT_TAIL ? out.len : STDOUT_TAIL;
	struct slice rest = slice_from(out, out.len - tail);
	while (slice_split(&rest, '\n', &line)) {
		struct slice clean = clean_line(line, arena);
		found = clean.len > 0 ? clean : found;
	}
	return found;
}
