/* runner_expand.c: ${NAME} in texts of backends and paths of projects (workflows.md 1.9). Done at
 * the first use, so that an unset variable breaks only what needs it. */
#include <ctype.h>
#include <stdio.h>

#include "config/runner.h"

static size_t name_length(struct slice text) {
	size_t len = 0;
	while (len < text.len && (text.data[len] == '_' || isalpha((unsigned char)text.data[len]) ||
					 (len > 0 && isdigit((unsigned char)text.data[len])))) {
		len++;
	}
	return len;
}

static bool find_variable(char *const *environment, struct slice name, struct slice *value) {
	for (char *const *at = environment; at && *at; at++) {
		struct slice pair = slice_of(*at);
		if (slice_starts_with(pair, name) && pair.len > name.len &&
			pair.data[name.len] == '=') {
			*value = slice_from(pair, name.len + 1);
			return true;
		}
	}
	return false;
}

struct expansion {
	const char *key_path;
	const struct option_place *place;
	char *const *environment;
	struct runner_secrets *secrets;
	struct buf out;
	struct error *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(
	const struct expansion *expansion, const char *format, ...) {
	char what[ERROR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	const struct option_place *place = expansion->place;
	if (place && place->line) {
		error_set(expansion->error, ERROR_CONFIGURATION, "%s:%u: `%s` %s", place->file,
			place->line, expansion->key_path, what);
		error_set_where(
			expansion->error, "%s:%u:%u", place->file, place->line, place->column);
	} else {
		error_set(expansion->error, ERROR_CONFIGURATION, "`%s` %s", expansion->key_path,
			what);
	}
	return false;
}

/* What stands between ${ and }. */
static bool expand_one(struct expansion *expansion, struct slice inside) {
	size_t len = name_length(inside);
	struct slice name = slice_sub(inside, 0, len), rest = slice_from(inside, len), value = {0};
	bool has_default = slice_starts_with(rest, SLICE(":-"));
	if (len == 0 || (rest.len > 0 && !has_default)) {
		return refuse(expansion,
			"has `${%.*s}`, which is neither ${NAME} nor "
			"${NAME:-default}; write $$ for a dollar sign",
			SLICE_FMT(inside));
	}
	bool is_set = find_variable(expansion->environment, name, &value);
	if (has_default && value.len == 0) {
		return buf_append(&expansion->out, slice_from(rest, 2));
	}
	if (!is_set) {
		return refuse(expansion,
			"needs the environment variable %.*s, which is not set; export it, or "
			"write "
			"${%.*s:-default}",
			SLICE_FMT(name), SLICE_FMT(name));
	}
	if (expansion->secrets) {
		runner_secrets_add(expansion->secrets, value);
	}
	return buf_append(&expansion->out, value);
}

static bool expand(struct expansion *expansion, struct slice text) {
	while (text.len > 0) {
		size_t dollar = slice_find_byte(text, '$');
		if (dollar == SIZE_MAX) {
			return buf_append(&expansion->out, text);
		}
		buf_append(&expansion->out, slice_sub(text, 0, dollar));
		text = slice_from(text, dollar + 1);
		if (text.len > 0 && *text.data == '$') {
			text = slice_from(text, 1);
			buf_append_byte(&expansion->out, '$');
			continue;
		}
		if (text.len == 0 || *text.data != '{') {
			buf_append_byte(&expansion->out, '$');
			continue;
		}
		size_t end = slice_find_byte(text, '}');
		if (end == SIZE_MAX) {
			return refuse(expansion, "has a `${` without its `}`; write $$ for a "
						 "dollar sign");
		}
		if (!expand_one(expansion, slice_sub(text, 1, end - 1))) {
			return false;
		}
		text = slice_from(text, end + 1);
	}
	return true;
}

bool runner_expand(struct slice text, const char *key_path, const struct option_place *place,
	char *const *environment, struct runner_secrets *secrets, struct arena *arena,
	struct slice *out, struct error *error) {
	if (slice_find_byte(text, '$') == SIZE_MAX) {
		*out = text;
		return true;
	}
	struct expansion expansion = {
		.key_path = key_path,
		.place = place,
		.environment = environment,
		.secrets = secrets,
		.error = error,
	};
	bool is_good = expand(&expansion, text);
	if (is_good) {
		*out = arena_dup(arena, buf_slice(&expansion.out));
	}
	buf_finish(&expansion.out);
	return is_good;
}
