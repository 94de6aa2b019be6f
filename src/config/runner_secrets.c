/* runner_secrets.c: texts that never appear in what the runner writes: logs, events, state, output
 * of its own (workflows.md 11, rank 13). */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "config/runner.h"

#define SECRET_MIN 4 /* bytes: masking shorter ones would make any text unreadable */
#define MASK "***"

struct runner_secrets {
	pthread_mutex_t lock;
	VEC(struct slice) texts; /* the longest first; owned */
	bool begins[256];        /* first bytes of them */
};

struct runner_secrets *runner_secrets_create(void) {
	struct runner_secrets *secrets = mem_calloc(1, sizeof *secrets);
	pthread_mutex_init(&secrets->lock, NULL);
	return secrets;
}

void runner_secrets_destroy(struct runner_secrets *secrets) {
	if (!secrets) {
		return;
	}
	for (size_t i = 0; i < secrets->texts.len; i++) {
		free((char *)(uintptr_t)secrets->texts.items[i].data);
	}
	VEC_FINISH(&secrets->texts);
	pthread_mutex_destroy(&secrets->lock);
	free(secrets);
}

static bool is_known(const struct runner_secrets *secrets, struct slice text) {
	for (size_t i = 0; i < secrets->texts.len; i++) {
		if (slice_eq(secrets->texts.items[i], text)) {
			return true;
		}
	}
	return false;
}

static void add_one(struct runner_secrets *secrets, struct slice text) {
	if (is_known(secrets, text)) {
		return;
	}
	char *copy = mem_dup(text.data, text.len);
	VEC_PUSH(&secrets->texts);
	/* Where two begin alike, the longer one is to be found. */
	size_t at = secrets->texts.len - 1;
	for (; at > 0 && secrets->texts.items[at - 1].len < text.len; at--) {
		secrets->texts.items[at] = secrets->texts.items[at - 1];
	}
	secrets->texts.items[at] = slice_make(copy, text.len);
	secrets->begins[(unsigned char)*copy] = true;
}

/* As it is, and as it stands in JSON: events and records are masked as such. */
static void add_with_json(struct runner_secrets *secrets, struct slice text) {
	struct buf escaped = {0};
	json_escape(text, &escaped);
	add_one(secrets, text);
	add_one(secrets, buf_slice(&escaped));
	buf_finish(&escaped);
}

/* How a byte is written in commands (6.6): within '...', within "...", in here-documents. */
static const struct {
	const char *bytes;  /* that are not written as they are */
	const char *before; /* what stands before each of them ... */
	const char *behind; /* ... and behind it */
} shell_forms[] = {
	{"'", "'\\", "'"},
	{"\\\"$`", "\\", ""},
	{"\\$`", "\\", ""},
};

void runner_secrets_add(struct runner_secrets *secrets, struct slice text) {
	if (text.len < SECRET_MIN) {
		return;
	}
	pthread_mutex_lock(&secrets->lock);
	add_with_json(secrets, text);
	for (size_t form = 0; form < sizeof shell_forms / sizeof *shell_forms; form++) {
		struct buf quoted = {0};
		for (size_t i = 0; i < text.len; i++) {
			char byte = text.data[i];
			bool is_quoted = byte && strchr(shell_forms[form].bytes, byte);
			buf_append_str(&quoted, is_quoted ? shell_forms[form].before : "");
			buf_append_byte(&quoted, byte);
			buf_append_str(&quoted, is_quoted ? shell_forms[form].behind : "");
		}
		add_with_json(secrets, buf_slice(&quoted));
		buf_finish(&quoted);
	}
	pthread_mutex_unlock(&secrets->lock);
}

void runner_secrets_add_variable(
	struct runner_secrets *secrets, struct slice name, struct slice value) {
	static const char *const endings[] = {"KEY", "TOKEN", "SECRET", "PASSWORD", NULL};
	for (const char *const *ending = endings; *ending; ending++) {
		size_t len = strlen(*ending);
		if (name.len >= len &&
			slice_ieq(slice_from(name, name.len - len), slice_of(*ending))) {
			runner_secrets_add(secrets, value);
			return;
		}
	}
}

void runner_secrets_add_environment(struct runner_secrets *secrets, char *const *environment) {
	for (char *const *at = environment; at && *at; at++) {
		struct slice pair = slice_of(*at);
		size_t equals = slice_find_byte(pair, '=');
		if (equals != SIZE_MAX) {
			runner_secrets_add_variable(
				secrets, slice_sub(pair, 0, equals), slice_from(pair, equals + 1));
		}
	}
}

/* Length of the secret that the text begins with; 0 when there is none. */
static size_t match(const struct runner_secrets *secrets, struct slice text) {
	for (size_t i = 0; i < secrets->texts.len; i++) {
		if (slice_starts_with(text, secrets->texts.items[i])) {
			return secrets->texts.items[i].len;
		}
	}
	return 0;
}

/* A secret of which the whole text is the beginning. */
static bool may_become_one(const struct runner_secrets *secrets, struct slice text) {
	for (size_t i = 0; i < secrets->texts.len && secrets->texts.items[i].len > text.len; i++) {
		if (slice_starts_with(secrets->texts.items[i], text)) {
			return true;
		}
	}
	return false;
}

size_t runner_secrets_pending(struct runner_secrets *secrets, struct slice text) {
	size_t at = 0;
	pthread_mutex_lock(&secrets->lock);
	while (at < text.len) {
		struct slice rest = slice_from(text, at);
		bool may_begin = secrets->begins[(unsigned char)*rest.data];
		if (may_begin && may_become_one(secrets, rest)) {
			break;
		}
		size_t len = may_begin ? match(secrets, rest) : 0;
		at += len > 0 ? len : 1;
	}
	pthread_mutex_unlock(&secrets->lock);
	return text.len - at;
}

static void mask(const struct runner_secrets *secrets, struct slice text, struct buf *out) {
	size_t kept = 0, at = 0;
	while (at < text.len) {
		bool may_begin = secrets->begins[(unsigned char)text.data[at]];
		size_t len = may_begin ? match(secrets, slice_from(text, at)) : 0;
		if (len == 0) {
			at++;
			continue;
		}
		buf_append(out, slice_sub(text, kept, at - kept));
		buf_append_str(out, MASK);
		at += len;
		kept = at;
	}
	if (kept > 0) {
		buf_append(out, slice_from(text, kept));
	}
}

struct slice runner_secrets_mask(
	struct runner_secrets *secrets, struct slice text, struct arena *arena) {
	struct buf out = {0};
	pthread_mutex_lock(&secrets->lock);
	mask(secrets, text, &out);
	pthread_mutex_unlock(&secrets->lock);
	if (out.len > 0) {
		text = arena_dup(arena, buf_slice(&out));
	}
	buf_finish(&out);
	return text;
}
