/* regex.c: regular expressions over PCRE2, JIT-compiled, with limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/regex.h"

#include <pcre2.h>

/* Generous for honest patterns on texts of megabytes; a hostile one ends in milliseconds. */
#define MATCH_LIMIT 5000000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB (32 * 1024)
#define MAX_PATTERN 65536

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
};

static void destroy(void *data) {
	struct regex *regex = data;
	pcre2_match_context_free(regex->limits);
	pcre2_code_free(regex->code);
}

struct regex *regex_compile(struct arena *arena, struct slice pattern, struct error *error) {
	int number;
	size_t at = 0;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context) {
		error_set(error, ERROR_INTERNAL, "no memory for a regular expression");
		return NULL;
	}
	pcre2_set_max_pattern_length(context, MAX_PATTERN);
	pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.data : ""), pattern.len,
		PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
			PCRE2_NEVER_BACKSLASH_C,
		&number, &at, context);
	pcre2_compile_context_free(context);
	if (!code) {
		char text[256];
		pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof text);
		error_set(error, ERROR_INVALID_REQUEST,
			"not a regular expression: %s (at byte %zu)", text, at + 1);
		return NULL;
	}
	/* Without JIT (a hardened kernel may refuse it) matching is slower, and the same. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	if (!limits) {
		pcre2_code_free(code);
		error_set(error, ERROR_INTERNAL, "no memory for a regular expression");
		return NULL;
	}
	pcre2_set_match_limit(limits, MATCH_LIMIT);
	pcre2_set_depth_limit(limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
	struct regex *regex = ARENA_NEW(arena, struct regex);
	*regex = (struct regex){code, limits};
	arena_on_finish(arena, destroy, regex);
	return regex;
}

/* What a number that is no match means. A text that is not UTF-8 matches nothing. */
static enum regex_result result_of(int number) {
	switch (number) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
	case PCRE2_ERROR_NOMEMORY:
		return REGEX_LIMIT;
	default:
		return REGEX_NO_MATCH;
	}
}

enum regex_result regex_search(
	const struct regex *regex, struct slice text, size_t from, struct regex_match *match) {
	if (from > text.len) {
		return REGEX_NO_MATCH;
	}
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex->code, NULL);
	if (!data) {
		return REGEX_LIMIT;
	}
	int count = pcre2_match(regex->code, (PCRE2_SPTR)(text.len ? text.data : ""), text.len,
		from, 0, data, regex->limits);
	enum regex_result result = count > 0 ? REGEX_MATCH : result_of(count);
	if (result == REGEX_MATCH && match) {
		const size_t *bounds = pcre2_get_ovector_pointer(data);
		uint32_t groups = pcre2_get_ovector_count(data);
		memset(match, 0, sizeof *match);
		match->count = groups < REGEX_MAX_GROUPS ? groups : REGEX_MAX_GROUPS;
		for (size_t i = 0; i < match->count && i < (size_t)count; i++) {
			/* \K may put the start behind the end: then nothing was matched. */
			if (bounds[2 * i] != PCRE2_UNSET) {
				size_t begin = bounds[2 * i], end = bounds[2 * i + 1];
				match->groups[i] = slice_make(
					text.data + begin, end > begin ? end - begin : 0);
			}
		}
	}
	pcre2_match_data_free(data);
	return result;
}

/* Writes `with` for one match; "$1", "${1}", "${name}", "$$"; any other $ is itself. */
static void write_replacement(const struct regex *regex, const struct regex_match *match,
	struct slice with, struct buf *out) {
	for (size_t at = 0; at < with.len;) {
		size_t dollar = slice_find_byte(slice_from(with, at), '$');
		if (dollar == SIZE_MAX) {
			buf_append(out, slice_from(with, at));
			return;
		}
		buf_append(out, slice_sub(with, at, dollar));
		at += dollar + 1;
		struct slice rest = slice_from(with, at), name;
		if (rest.len > 0 && rest.data[0] == '$') {
			buf_append_byte(out, '$');
			at += 1;
			continue;
		}
		size_t close =
			rest.len > 0 && rest.data[0] == '{' ? slice_find_byte(rest, '}') : SIZE_MAX;
		if (close != SIZE_MAX) {
			name = slice_sub(rest, 1, close - 1);
			at += close + 1;
		} else if (rest.len > 0 && rest.data[0] >= '0' && rest.data[0] <= '9') {
			name = slice_sub(rest, 0, 1);
			at += 1;
		} else {
			buf_append_byte(out, '$');
			continue;
		}
		uint64_t group;
		if (!slice_to_uint64(name, &group)) {
			char text[64];
			int number = -1;
			if (name.len < sizeof text) {
				memcpy(text, name.data, name.len);
				text[name.len] = '\0';
				number = pcre2_substring_number_from_name(
					regex->code, (PCRE2_SPTR)text);
			}
			group = number >= 0 ? (uint64_t)number : REGEX_MAX_GROUPS;
		}
		if (group < match->count && match->groups[group].data) {
			buf_append(out, match->groups[group]);
		}
	}
}

enum regex_result regex_replace(const struct regex *regex, struct slice text, struct slice with,
	size_t max, struct buf *out) {
	size_t at = 0, from = 0, done = 0;
	struct regex_match match;
	while (max == 0 || done < max) {
		enum regex_result result = regex_search(regex, text, from, &match);
		if (result == REGEX_LIMIT) {
			return REGEX_LIMIT;
		}
		if (result == REGEX_NO_MATCH) {
			break;
		}
		size_t begin = (size_t)(match.groups[0].data -
					(text.len ? text.data : match.groups[0].data));
		size_t end = begin + match.groups[0].len;
		if (begin >= at) {
			buf_append(out, slice_sub(text, at, begin - at));
			write_replacement(regex, &match, with, out);
			at = end;
			done++;
		}
		from = end;
		if (match.groups[0].len == 0) {
			/* An empty match: go on behind the next character. */
			from++;
			while (from < text.len && ((unsigned char)text.data[from] & 0xc0) == 0x80) {
				from++;
			}
		}
		if (from > text.len) {
			break;
		}
	}
	buf_append(out, slice_from(text, at));
	return done > 0 ? REGEX_MATCH : REGEX_NO_MATCH;
}
