/* run_words.c: words that the displays of a run share: durations, usage, hints. */
#include <stdlib.h>

#include "cli/run_display.h"

void run_words_duration(uint64_t ms, char out[RUN_DURATION_MAX]) {
	unsigned long long whole = ms;
	if (whole < 1000) {
		snprintf(out, RUN_DURATION_MAX, "%llums", whole);
	} else if (whole < 60 * 1000) {
		snprintf(out, RUN_DURATION_MAX, "%llu.%llus", whole / 1000, whole % 1000 / 100);
	} else if (whole < 60 * 60 * 1000) {
		snprintf(
			out, RUN_DURATION_MAX, "%llum%02llus", whole / 60000, whole % 60000 / 1000);
	} else {
		snprintf(out, RUN_DURATION_MAX, "%lluh%02llum", whole / 3600000,
			whole % 3600000 / 60000);
	}
}

void run_words_usage(const struct step_usage *usage, struct buf *out) {
	if (usage->is_known && (usage->input_tokens > 0 || usage->output_tokens > 0)) {
		buf_printf(out, "%lld tokens in, %lld out", (long long)usage->input_tokens,
			(long long)usage->output_tokens);
	}
	if (usage->cost_microusd >= 0) {
		buf_printf(out, "%s$%.4f", out->len > 0 ? ", " : "",
			(double)usage->cost_microusd / 1e6);
	}
}

static const char *const hints[FAILURE_CLASS_COUNT] = {
	[FAILURE_TIMEOUT] = "give it more time with `timeout` of the backend (seconds)",
	[FAILURE_RATE_LIMIT] =
		"wait, ask less at once (`max_concurrent` of the backend), or name a second "
		"backend in the role with execution = \"fallback\"",
	[FAILURE_NETWORK] = "is the server up? `llm-mux doctor` asks every backend",
	[FAILURE_UNAVAILABLE] = "`llm-mux doctor` tells what each backend misses",
	[FAILURE_PARSE] = "`retries = 1` on the step asks again and says what was wrong",
	[FAILURE_AUTH] = "set the backend's key (`api_key_env`), or log in with its program",
	[FAILURE_CONFIG] = "`llm-mux config show` and `llm-mux doctor` show what is configured",
	[FAILURE_TEMPLATE] = "`llm-mux validate` finds such places before anything is run",
};

/* By whose limit it was, as the run calls it. */
static const struct {
	const char *owner, *hint;
} limit_hints[] = {
	{"its", "give it more time with `timeout` of the step"},
	{"its group's", "give it more time with `timeout` of the group"},
	{"the workflow's", "give it more time with `timeout` of the workflow"},
};

const char *run_words_hint(const struct step_error *error) {
	if (error->class == FAILURE_TIMEOUT && error->limit_of != NULL) {
		for (size_t i = 0; i < sizeof limit_hints / sizeof *limit_hints; i++) {
			if (strcmp(error->limit_of, limit_hints[i].owner) == 0) {
				return limit_hints[i].hint;
			}
		}
	}
	return (unsigned)error->class < FAILURE_CLASS_COUNT ? hints[error->class] : NULL;
}

void run_words_append(struct buf *out, struct slice text) {
	char *to = text.len > 0 ? buf_reserve(out, text.len) : NULL;
	if (to == NULL) {
		return;
	}
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		bool is_control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
		/* U+0080 to U+009F: some terminals take 0x9b for the beginning of a sequence. */
		bool is_high = i > 0 && (unsigned char)text.data[i - 1] == 0xc2 && byte >= 0x80 &&
			       byte < 0xa0;
		to[i] = is_control || is_high ? '?' : text.data[i];
		if (is_high) {
			to[i - 1] = '?';
		}
	}
	buf_commit(out, text.len);
}

bool run_words_utf8(char *const *environment) {
	static const char *const names[] = {"LC_ALL=", "LC_CTYPE=", "LANG="};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (char *const *at = environment; at != NULL && *at != NULL; at++) {
			size_t len = strlen(names[i]);
			if (strncmp(*at, names[i], len) == 0 && (*at)[len] != '\0') {
				struct slice value = slice_of(*at + len);
				return slice_icontains(value, SLICE("utf-8")) ||
				       slice_icontains(value, SLICE("utf8"));
			}
		}
	}
	return false;
}

void run_display_destroy(struct run_display *display) {
	if (display != NULL) {
		display->destroy(display);
	}
}
