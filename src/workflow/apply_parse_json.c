/* apply_parse_json.c: edits written as JSON (workflows.md 7.2 rows 2 to 4). */
#include "workflow/apply_parse.h"

#include <stdio.h>

/* The members of an edit that say what it does. */
static const char *const action_keys[] = {"old", "new", "content", "diff", "delete", "rename_to"};

static const struct json *path_member(const struct json *edit) {
	const struct json *path = json_get_value(edit, "path");
	return path ? path : json_get_value(edit, "file");
}

static bool is_edit(const struct json *json) {
	if (!json_is(json, JSON_OBJECT) || !path_member(json)) {
		return false;
	}
	for (size_t i = 0; i < sizeof action_keys / sizeof *action_keys; i++) {
		if (json_get_value(json, action_keys[i])) {
			return true;
		}
	}
	return false;
}

bool reply_is_json_edits(const struct json *json) {
	if (json_is(json, JSON_OBJECT)) {
		return json_is(json_get(json, "edits"), JSON_ARRAY) || is_edit(json);
	}
	json_each (item, json) {
		if (is_edit(item)) {
			return json_is(json, JSON_ARRAY);
		}
	}
	return false;
}

/* One edit object with what its messages need. */
struct reading {
	struct reply *reply;
	const struct json *json;
	const char *pointer;
	size_t line;
	bool is_ok;
};

static void refuse(struct reading *r, const char *key, const char *problem) {
	if (r->is_ok) {
		error_set(r->reply->error, ERROR_UNPROCESSABLE, "JSON edits: %s%s%s %s", r->pointer,
			*key ? "/" : "", key, problem);
		r->is_ok = false;
	}
}

/* A string member; absent when there is none. */
static struct slice string_of(struct reading *r, const char *key) {
	const struct json *member = json_get_value(r->json, key);
	if (!member) {
		return slice_make(NULL, 0);
	}
	if (!json_is(member, JSON_STRING)) {
		char problem[80];
		snprintf(problem, sizeof problem, "must be a string, and is %s",
			json_type_name(member));
		refuse(r, key, problem);
		return slice_make(NULL, 0);
	}
	struct slice text = json_string(member, r->reply->arena);
	return text.data ? text : SLICE("");
}

static int64_t count_of(struct reading *r) {
	const struct json *member = json_get_value(r->json, "count");
	int64_t count = 0;
	if (member && (!json_int64(member, &count) || count < 1)) {
		refuse(r, "count", "must be a whole number from 1 on");
	}
	return count;
}

static bool flag_of(struct reading *r, const char *key) {
	const struct json *member = json_get_value(r->json, key);
	bool is_set = false;
	if (member && !json_bool(member, &is_set)) {
		refuse(r, key, "must be true or false");
	}
	return is_set;
}

static bool read_diff_member(struct reading *r, struct slice path, struct slice text) {
	struct reply_lines lines;
	reply_lines_split(r->reply->arena, text, 1, &lines);
	size_t edits = r->reply->set->len, at = 0;
	while (at < lines.len && !reply_is_diff_start(&lines, at) &&
		!slice_starts_with(lines.items[at], SLICE("@@"))) {
		at++;
	}
	while (at < lines.len) {
		if (slice_trim(lines.items[at]).len == 0) {
			at++;
			continue;
		}
		if (!reply_is_diff_start(&lines, at) &&
			!slice_starts_with(lines.items[at], SLICE("@@"))) {
			refuse(r, "diff", "has a line between its hunks that is no part of a diff");
			return false;
		}
		if (!reply_read_diff(r->reply, &lines, &at, true, path, EDIT_FORMAT_JSON)) {
			return r->is_ok = false;
		}
	}
	if (r->reply->set->len == edits) {
		refuse(r, "diff", "holds no \"@@\" hunk");
	}
	for (size_t i = edits; i < r->reply->set->len; i++) {
		/* The edit's own path counts; a diff of another file would be a mix-up. */
		struct slice named = r->reply->set->items[i].path;
		if (!slice_eq(named, path) && !slice_ends_with(path, named) &&
			!slice_ends_with(named, path)) {
			refuse(r, "diff", "is of another file than the edit");
		}
		r->reply->set->items[i].path = path;
		r->reply->set->items[i].line = r->line;
	}
	return r->is_ok;
}

static struct edit *add(struct reading *r, enum edit_kind kind, struct slice path) {
	return reply_add(r->reply, EDIT_FORMAT_JSON, kind, path, r->line);
}

static bool read_edit(struct reading *r) {
	if (!json_is(r->json, JSON_OBJECT)) {
		refuse(r, "", "must be an object with \"path\" and what to do");
		return false;
	}
	struct slice path = string_of(r, json_get_value(r->json, "path") ? "path" : "file");
	struct slice old = string_of(r, "old"), new = string_of(r, "new");
	struct slice content = string_of(r, "content"), diff = string_of(r, "diff");
	struct slice rename_to = string_of(r, "rename_to");
	bool deletes = flag_of(r, "delete");
	int64_t count = count_of(r);
	int actions = (old.data || new.data) + !!content.data + !!diff.data + deletes;
	if (!path.data) {
		refuse(r, "path", "is missing");
	} else if (!!old.data != !!new.data) {
		refuse(r, old.data ? "new" : "old",
			old.data ? "is missing (\"\" removes the old text)"
				 : "is missing (\"content\" gives a whole file)");
	} else if (actions > 1 || (deletes && rename_to.data)) {
		refuse(r, "",
			"asks for more than one thing: give one of old/new, content, diff, "
			"delete");
	} else if (actions == 0 && !rename_to.data) {
		refuse(r, "",
			"has nothing to do: give old/new, content, diff, delete or rename_to");
	}
	if (!r->is_ok) {
		return false;
	}
	if (old.data) {
		struct edit *edit = add(r, EDIT_REPLACE, path);
		edit->old_text = old;
		edit->new_text = new;
		edit->count = count;
	} else if (content.data) {
		add(r, EDIT_CONTENT, path)->content = content;
	} else if (deletes) {
		add(r, EDIT_DELETE, path);
	} else if (diff.data && !read_diff_member(r, path, diff)) {
		return false;
	}
	if (rename_to.data) {
		add(r, EDIT_RENAME, path)->new_path = rename_to;
	}
	return true;
}

static bool read_one(
	struct reply *reply, const struct json *json, const char *pointer, size_t line) {
	struct reading r = {reply, json, pointer, line, true};
	return read_edit(&r);
}

bool reply_read_json(struct reply *reply, const struct json *json, size_t line) {
	const struct json *list = json;
	const char *base = "";
	if (json_is(json, JSON_OBJECT)) {
		if (!json_get(json, "edits")) {
			return read_one(reply, json, "the object", line);
		}
		list = json_get(json, "edits");
		base = "/edits";
	}
	if (!json_is(list, JSON_ARRAY)) {
		return error_set(reply->error, ERROR_UNPROCESSABLE,
			"JSON edits: %s must be an array or an object, and is %s",
			*base ? base : "the value", json_type_name(list));
	}
	size_t index = 0;
	json_each (item, list) {
		char pointer[48];
		snprintf(pointer, sizeof pointer, "%s/%zu", base, index++);
		if (!read_one(reply, item, pointer, line)) {
			return false;
		}
	}
	return true;
}
