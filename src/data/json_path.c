/* json_path.c: see json_path.h. */
#include "data/json_path.h"

/* Takes the part before the first dot from *rest, which becomes absent behind the last. */
static struct slice next_part(struct slice *rest, struct arena *arena) {
	char *part = arena_alloc(arena, rest->len + 1);
	size_t len = 0, at = 0;
	while (at < rest->len && rest->data[at] != '.') {
		at += rest->data[at] == '\\' && at + 1 < rest->len ? 1 : 0;
		part[len++] = rest->data[at++];
	}
	*rest = at < rest->len ? slice_from(*rest, at + 1) : (struct slice){0};
	return slice_make(part, len);
}

const char *json_path_problem(struct slice path) {
	size_t len = 0;
	for (size_t at = 0; at < path.len; at++) {
		if (path.data[at] == '.') {
			if (len == 0) {
				return "has an empty part";
			}
			len = 0;
			continue;
		}
		at += path.data[at] == '\\' ? 1 : 0;
		len++;
	}
	return len == 0 ? "has an empty part" : NULL;
}

/* The value as it stands below the rest of a path that is not there yet. */
static struct slice wrap(struct slice rest, struct slice value, struct arena *arena) {
	struct buf out, tail;
	buf_init(&out, 0);
	buf_init(&tail, 0);
	while (rest.data != NULL) {
		struct slice part = next_part(&rest, arena);
		bool is_array = slice_is(part, "-1") || slice_is(part, "0");
		buf_append_byte(&out, is_array ? '[' : '{');
		if (!is_array) {
			struct json_writer w;
			json_writer_init(&w, &out, false);
			json_write_key_slice(&w, part);
		}
		buf_append_byte(&tail, is_array ? ']' : '}');
	}
	buf_append(&out, value);
	for (size_t i = tail.len; i-- > 0;) {
		buf_append_byte(&out, tail.data[i]);
	}
	struct slice wrapped = arena_dup(arena, buf_slice(&out));
	buf_finish(&out);
	buf_finish(&tail);
	return wrapped;
}

/* Adds a member or an element as the last of its container. */
static struct json_edit append_edit(struct slice text, const struct json *container,
	struct slice key, struct slice value, struct arena *arena) {
	struct buf out;
	struct json_writer w;
	buf_init(&out, 0);
	if (container->child != NULL) {
		buf_append_byte(&out, ',');
	}
	json_writer_init(&w, &out, false);
	if (key.data != NULL) {
		json_write_key_slice(&w, key);
	}
	json_write_raw(&w, value);
	size_t at = (size_t)(container->raw - text.data) + container->raw_len - 1;
	struct json_edit edit = {at, at, arena_dup(arena, buf_slice(&out))};
	buf_finish(&out);
	return edit;
}

enum json_path_result json_path_edit(struct slice text, const struct json *root, struct slice path,
	struct slice value, enum json_path_use use, struct arena *arena, struct json_edit *edit) {
	const struct json *at = root;
	struct slice rest = path;
	while (rest.data != NULL) {
		struct slice before = rest;
		struct slice part = next_part(&rest, arena);
		const struct json *next = NULL;
		if (at->type == JSON_OBJECT) {
			next = json_get_slice(at, part);
		} else if (at->type == JSON_ARRAY) {
			int64_t index;
			bool is_number = slice_to_int64(part, &index);
			bool is_append = is_number && (index == -1 || index == (int64_t)at->count);
			next = is_number && index >= 0 ? json_item(at, (size_t)index) : NULL;
			if (next == NULL && !is_append) {
				return JSON_PATH_BLOCKED;
			}
			part = (struct slice){0};
		} else if (use == JSON_PATH_DEFAULT && at->type != JSON_NULL) {
			return JSON_PATH_BLOCKED;
		} else {
			*edit = json_edit_replace(text, at, wrap(before, value, arena));
			return JSON_PATH_EDITED;
		}
		if (next == NULL) {
			*edit = append_edit(text, at, part, wrap(rest, value, arena), arena);
			return JSON_PATH_EDITED;
		}
		at = next;
	}
	if (use == JSON_PATH_DEFAULT) {
		return JSON_PATH_EXISTS;
	}
	*edit = json_edit_replace(text, at, value);
	return JSON_PATH_EDITED;
}
