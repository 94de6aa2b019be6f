/* json_write.c: the JSON writer: commas, quotes and, when pretty, two spaces a level. */
#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "data/json.h"
#include "data/json_escape.h"

#define DOUBLE_TEXT_MAX 32

void json_writer_init(struct json_writer *w, struct buf *out, bool is_pretty) {
	*w = (struct json_writer){.out = out, .indent = is_pretty ? 0 : -1};
}

static void break_line(struct json_writer *w) {
	size_t spaces = 2 * (size_t)w->indent;
	char *to = buf_reserve(w->out, 1 + spaces);
	if (to) {
		to[0] = '\n';
		memset(to + 1, ' ', spaces);
		buf_commit(w->out, 1 + spaces);
	}
}

/* What stands before a value or a key. */
static void separate(struct json_writer *w) {
	if (w->is_after_key) {
		w->is_after_key = false;
		return;
	}
	if (w->needs_comma) {
		buf_append_byte(w->out, ',');
	}
	if (w->indent > 0) {
		break_line(w);
	}
	w->needs_comma = true;
}

static void begin_container(struct json_writer *w, char opener) {
	separate(w);
	buf_append_byte(w->out, opener);
	w->needs_comma = false;
	if (w->indent >= 0) {
		w->indent++;
	}
}

static void end_container(struct json_writer *w, char closer) {
	if (w->indent > 0) {
		w->indent--;
		if (w->needs_comma) {
			break_line(w);
		}
	}
	buf_append_byte(w->out, closer);
	w->needs_comma = true;
}

void json_begin_object(struct json_writer *w) {
	begin_container(w, '{');
}

void json_end_object(struct json_writer *w) {
	end_container(w, '}');
}

void json_begin_array(struct json_writer *w) {
	begin_container(w, '[');
}

void json_end_array(struct json_writer *w) {
	end_container(w, ']');
}

static void end_key(struct json_writer *w) {
	buf_append(w->out, w->indent >= 0 ? SLICE("\": ") : SLICE("\":"));
	w->is_after_key = true;
}

/* A key whose bytes are already those of a JSON string. */
static void write_key_raw(struct json_writer *w, struct slice name) {
	separate(w);
	buf_append_byte(w->out, '"');
	buf_append(w->out, name);
	end_key(w);
}

void json_write_key(struct json_writer *w, const char *name) {
	write_key_raw(w, slice_of(name));
}

void json_write_key_slice(struct json_writer *w, struct slice name) {
	separate(w);
	buf_append_byte(w->out, '"');
	json_escape_repaired(name, w->out);
	end_key(w);
}

void json_write_string(struct json_writer *w, struct slice text) {
	separate(w);
	buf_append_byte(w->out, '"');
	json_escape_repaired(text, w->out);
	buf_append_byte(w->out, '"');
}

void json_write_cstr(struct json_writer *w, const char *text) {
	if (text) {
		json_write_string(w, slice_of(text));
	} else {
		json_write_null(w);
	}
}

void json_begin_string(struct json_writer *w) {
	separate(w);
	buf_append_byte(w->out, '"');
	w->pending.len = 0;
}

void json_write_string_part(struct json_writer *w, struct slice text) {
	json_escape_part(&w->pending, text, w->out);
}

void json_end_string(struct json_writer *w) {
	json_escape_finish(&w->pending, w->out);
	buf_append_byte(w->out, '"');
}

void json_write_raw(struct json_writer *w, struct slice json) {
	separate(w);
	buf_append_ref(w->out, json);
}

void json_write_node(struct json_writer *w, const struct json *node) {
	if (!node) {
		json_write_null(w);
	} else if (node->raw) {
		json_write_raw(w, json_raw(node));
	} else {
		json_write_tree(w, node);
	}
}

/* Writes a node without its children; true when it is a container that was left open. */
static bool write_node_open(struct json_writer *w, const struct json *node) {
	if (node->type == JSON_OBJECT || node->type == JSON_ARRAY) {
		begin_container(w, node->type == JSON_OBJECT ? '{' : '[');
		return true;
	}
	json_write_raw(w, json_raw(node));
	return false;
}

void json_write_tree(struct json_writer *w, const struct json *node) {
	VEC(const struct json *) open = {0};
	if (!node) {
		json_write_null(w);
		return;
	}
	for (;;) {
		if (open.len > 0 && open.items[open.len - 1]->type == JSON_OBJECT) {
			write_key_raw(w, slice_make(node->key, node->key_len));
		}
		if (write_node_open(w, node)) {
			*VEC_PUSH(&open) = node;
			if (node->child) {
				node = node->child;
				continue;
			}
		}
		/* A container is closed when its last child was written, or it has none. */
		while (open.len > 0 && (open.items[open.len - 1] == node || !node->next)) {
			node = open.items[--open.len];
			end_container(w, node->type == JSON_OBJECT ? '}' : ']');
		}
		if (open.len == 0) {
			break;
		}
		node = node->next;
	}
	VEC_FINISH(&open);
}

void json_write_uint(struct json_writer *w, uint64_t value) {
	separate(w);
	buf_append_uint(w->out, value);
}

void json_write_int(struct json_writer *w, int64_t value) {
	separate(w);
	if (value < 0) {
		buf_append_byte(w->out, '-');
	}
	buf_append_uint(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_write_double(struct json_writer *w, double value) {
	char text[DOUBLE_TEXT_MAX];
	if (!__builtin_isfinite(value)) {
		json_write_null(w);
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof text, "%.*g", precision, value);
		double back = strtod(text, NULL);
		if (back >= value && back <= value) {
			break;
		}
	}
	separate(w);
	buf_append_str(w->out, text);
}

void json_write_bool(struct json_writer *w, bool value) {
	separate(w);
	buf_append(w->out, value ? SLICE("true") : SLICE("false"));
}

void json_write_null(struct json_writer *w) {
	separate(w);
	buf_append(w->out, SLICE("null"));
}

void json_put_string(struct json_writer *w, const char *key, struct slice text) {
	json_write_key(w, key);
	json_write_string(w, text);
}

void json_put_cstr(struct json_writer *w, const char *key, const char *text) {
	json_write_key(w, key);
	json_write_cstr(w, text);
}

void json_put_int(struct json_writer *w, const char *key, int64_t value) {
	json_write_key(w, key);
	json_write_int(w, value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value) {
	json_write_key(w, key);
	json_write_bool(w, value);
}

void json_put_null(struct json_writer *w, const char *key) {
	json_write_key(w, key);
	json_write_null(w);
}

void json_put_raw(struct json_writer *w, const char *key, struct slice json) {
	json_write_key(w, key);
	json_write_raw(w, json);
}
