/* json_splice.c: edits of a JSON text that leave every other byte as it was. */
#include "data/json.h"

bool json_splice(struct slice text, const struct json_edit *edits, size_t count, struct buf *out) {
	size_t done = 0;
	for (size_t i = 0; i < count; i++) {
		const struct json_edit *edit = &edits[i];
		if (edit->begin < done || edit->end < edit->begin || edit->end > text.len) {
			return false;
		}
		buf_append_ref(out, slice_make(text.data + done, edit->begin - done));
		buf_append(out, edit->with);
		done = edit->end;
	}
	return buf_append_ref(out, slice_from(text, done)) && !out->failed;
}

static size_t value_end(struct slice text, const struct json *value) {
	return (size_t)(value->raw - text.data) + value->raw_len;
}

/* Where the member's key begins, its quote included. */
static size_t key_begin(struct slice text, const struct json *member) {
	return (size_t)(member->key - 1 - text.data);
}

/* The edit that removes the run of members first..last, which `before` precedes (NULL: none). With
 * something before it the run takes the comma in front, else the one behind: so the edits of
 * several runs of one object never touch. */
static struct json_edit remove_run(struct slice text, const struct json *before,
	const struct json *first, const struct json *last) {
	struct json_edit edit = {0};
	if (before) {
		edit.begin = value_end(text, before);
		edit.end = value_end(text, last);
	} else {
		edit.begin = key_begin(text, first);
		edit.end = last->next ? key_begin(text, last->next) : value_end(text, last);
	}
	return edit;
}

struct json_edit json_edit_remove(
	struct slice text, const struct json *object, const struct json *member) {
	const struct json *before = NULL;
	for (const struct json *at = object->child; at && at != member; at = at->next) {
		before = at;
	}
	return remove_run(text, before, member, member);
}

static bool is_named(const struct json *member, const char *const *names, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (json_key_is(member, names[i])) {
			return true;
		}
	}
	return false;
}

size_t json_edits_remove(struct slice text, const struct json *object, const char *const *names,
	size_t name_count, struct json_edit *edits, size_t max) {
	const struct json *kept = NULL, *first = NULL;
	size_t count = 0;
	if (!json_is(object, JSON_OBJECT)) {
		return 0;
	}
	for (const struct json *member = object->child; member; member = member->next) {
		if (!is_named(member, names, name_count)) {
			kept = member;
			continue;
		}
		first = first ? first : member;
		if (member->next && is_named(member->next, names, name_count)) {
			continue;
		}
		if (count < max) {
			edits[count] = remove_run(text, kept, first, member);
		}
		count++;
		first = NULL;
	}
	return count;
}

struct json_edit json_edit_replace(struct slice text, const struct json *value, struct slice with) {
	size_t end = value_end(text, value);
	return (struct json_edit){.begin = end - value->raw_len, .end = end, .with = with};
}
