/* apply_parse_diff.c: unified diffs as models write them (workflows.md 7.2 row 1): with or without
 * prefixes, git headers, numbers; with counts that may be wrong. */
#include "workflow/apply_parse.h"

#define DEV_NULL SLICE("/dev/null")
/* Closing context that may be missing where a reply ends: outputs are trimmed. */
#define CONTEXT_LOST_MAX ((int64_t)3)

/* What the headers of one file say. */
struct section {
	size_t line;
	struct slice old_name, new_name; /* of the "---" and "+++" lines */
	struct slice git_names;          /* behind "diff --git " */
	struct slice rename_from, rename_to;
	bool creates, deletes;
};

/* Header lines of git that say nothing we need (modes are kept as the file has them). */
static const char *const ignored_headers[] = {"index ", "old mode ", "new mode ",
	"similarity index ", "dissimilarity index ", "Index: ", "====="};
static const char *const unsupported_headers[] = {
	"copy from ", "copy to ", "Binary files ", "GIT binary patch"};

static bool starts(struct slice line, const char *prefix) {
	return slice_starts_with(line, slice_of(prefix));
}

static bool starts_with_one_of(struct slice line, const char *const *prefixes, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (starts(line, prefixes[i])) {
			return true;
		}
	}
	return false;
}
#define STARTS_WITH_ONE_OF(line, prefixes)                                                         \
	starts_with_one_of((line), (prefixes), sizeof(prefixes) / sizeof *(prefixes))

static bool is_names(const struct reply_lines *lines, size_t at) {
	return at + 1 < lines->len && starts(lines->items[at], "--- ") &&
	       starts(lines->items[at + 1], "+++ ");
}

bool reply_is_diff_start(const struct reply_lines *lines, size_t at) {
	return starts(lines->items[at], "diff --git ") || is_names(lines, at);
}

/* ---- names ---- */

/* "a\303\244\"b" as git quotes names. */
static struct slice unquote(struct arena *arena, struct slice quoted) {
	static const char letters[] = "abtnvfr", bytes[] = "\a\b\t\n\v\f\r";
	char *out = arena_alloc(arena, quoted.len + 1);
	size_t len = 0;
	for (size_t i = 1; i < quoted.len && quoted.data[i] != '"'; i++) {
		char c = quoted.data[i];
		if (c == '\\' && i + 1 < quoted.len) {
			c = quoted.data[++i];
			const char *letter = c ? strchr(letters, c) : NULL;
			if (letter) {
				c = bytes[letter - letters];
			} else if (c >= '0' && c <= '3' && i + 2 < quoted.len) {
				c = (char)((c - '0') * 64 + (quoted.data[i + 1] - '0') * 8 +
					   (quoted.data[i + 2] - '0'));
				i += 2;
			}
		}
		out[len++] = c;
	}
	return slice_make(out, len);
}

/* The name behind "--- ", without the time that follows a tab. */
static struct slice name_of(struct arena *arena, struct slice line, size_t from) {
	struct slice name = slice_from(line, from);
	if (name.len > 0 && name.data[0] == '"') {
		return unquote(arena, name);
	}
	return slice_trim(slice_sub(name, 0, slice_find_byte(name, '\t')));
}

static bool has_prefix(struct slice name) {
	return name.len > 2 && name.data[1] == '/' && memchr("abciow", name.data[0], 6) != NULL;
}

/* Cuts "a/" and "b/" (or git's other pairs) where both sides have them, or the other side cannot
 * tell; a directory that is really called "a" keeps its name. */
static void cut_prefixes(struct slice *old_name, struct slice *new_name) {
	bool old_null = slice_eq(*old_name, DEV_NULL), new_null = slice_eq(*new_name, DEV_NULL);
	if (old_null && starts(*new_name, "b/")) {
		*new_name = slice_from(*new_name, 2);
	} else if (new_null && starts(*old_name, "a/")) {
		*old_name = slice_from(*old_name, 2);
	} else if (has_prefix(*old_name) && has_prefix(*new_name) &&
		   old_name->data[0] != new_name->data[0]) {
		*old_name = slice_from(*old_name, 2);
		*new_name = slice_from(*new_name, 2);
	} else if (starts(*new_name, "b/") && slice_eq(*old_name, slice_from(*new_name, 2))) {
		*new_name = *old_name;
	} else if (starts(*old_name, "a/") && slice_eq(*new_name, slice_from(*old_name, 2))) {
		*old_name = *new_name;
	}
}

/* The one name in "a/P b/P"; absent when the two differ (then other headers tell). */
static struct slice git_name(struct arena *arena, struct slice names) {
	if (names.len > 0 && names.data[0] == '"') {
		return slice_from(unquote(arena, names), 2);
	}
	size_t half = names.len / 2;
	if (names.len < 7 || names.len % 2 == 0 || names.data[half] != ' ') {
		return slice_make(NULL, 0);
	}
	struct slice first = slice_sub(names, 0, half), second = slice_from(names, half + 1);
	bool is_prefixed = has_prefix(first) && has_prefix(second);
	first = slice_from(first, is_prefixed ? 2 : 0);
	second = slice_from(second, is_prefixed ? 2 : 0);
	return slice_eq(first, second) ? first : slice_make(NULL, 0);
}

/* ---- headers ---- */

static bool refuse_line(
	struct reply *reply, const struct reply_lines *lines, size_t at, const char *problem) {
	struct slice shown = at < lines->len ? slice_sub(lines->items[at], 0, 80) : SLICE("(end)");
	return error_set(reply->error, ERROR_UNPROCESSABLE,
		"the unified diff is broken at line %zu of the reply, \"%.*s\": %s",
		lines->first_number + at, SLICE_FMT(shown), problem);
}

/* Reads one header line; false when it is none. */
static bool read_header(struct reply *reply, struct section *section, struct slice line) {
	struct arena *arena = reply->arena;
	if (starts(line, "new file mode ")) {
		section->creates = true;
	} else if (starts(line, "deleted file mode ")) {
		section->deletes = true;
	} else if (starts(line, "rename from ")) {
		section->rename_from = name_of(arena, line, strlen("rename from "));
	} else if (starts(line, "rename to ")) {
		section->rename_to = name_of(arena, line, strlen("rename to "));
	} else {
		return STARTS_WITH_ONE_OF(line, ignored_headers);
	}
	return true;
}

static bool read_headers(
	struct reply *reply, const struct reply_lines *lines, size_t *at, struct section *section) {
	if (starts(lines->items[*at], "diff --git ")) {
		section->git_names = slice_trim(slice_from(lines->items[*at], 11));
		++*at;
	}
	for (; *at < lines->len; ++*at) {
		struct slice line = lines->items[*at];
		if (is_names(lines, *at)) {
			section->old_name = name_of(reply->arena, line, 4);
			section->new_name = name_of(reply->arena, lines->items[*at + 1], 4);
			section->creates |= slice_eq(section->old_name, DEV_NULL);
			section->deletes |= slice_eq(section->new_name, DEV_NULL);
			cut_prefixes(&section->old_name, &section->new_name);
			*at += 2;
			return true;
		}
		if (STARTS_WITH_ONE_OF(line, unsupported_headers)) {
			return refuse_line(
				reply, lines, *at, "copies and binary changes are not supported");
		}
		if (!read_header(reply, section, line)) {
			return true;
		}
	}
	return true;
}

/* ---- hunks ---- */

struct hunk_reading {
	const struct reply_lines *lines;
	bool is_fenced;
	bool has_counts;
	int64_t old_left, new_left; /* lines still to come, below 0: more than were said */
	struct {
		struct edit_line *items;
		size_t len, cap;
	} found;
	size_t empty_at_end; /* closing lines that are wholly empty: context, or a mere separator */
};

static bool read_number(struct slice *text, int64_t *number) {
	size_t digits = 0;
	while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9') {
		digits++;
	}
	if (!slice_to_int64(slice_sub(*text, 0, digits), number)) {
		return false;
	}
	*text = slice_from(*text, digits);
	return true;
}

/* "-l,c" or "+l"; a missing count is 1. */
static bool read_range(struct slice *text, char sign, int64_t *start, int64_t *count) {
	*text = slice_trim(*text);
	if (text->len < 2 || text->data[0] != sign) {
		return false;
	}
	*text = slice_from(*text, 1);
	*count = 1;
	if (!read_number(text, start)) {
		return false;
	}
	if (text->len > 0 && text->data[0] == ',') {
		*text = slice_from(*text, 1);
		return read_number(text, count);
	}
	return true;
}

static bool is_satisfied(const struct hunk_reading *r) {
	return r->has_counts && r->old_left <= 0 && r->new_left <= 0;
}

/* "--- x", "+++ y" within a hunk are lines of it ("-- x" removed, "++ y" added) when the counts
 * have room for both and no next hunk would follow too early. */
static bool is_next_file(const struct hunk_reading *r, size_t at) {
	if (starts(r->lines->items[at], "diff --git ")) {
		return true;
	}
	if (!is_names(r->lines, at)) {
		return false;
	}
	bool is_followed_by_hunk = at + 2 < r->lines->len && starts(r->lines->items[at + 2], "@@");
	if (r->has_counts && r->old_left >= 1 && r->new_left >= 1) {
		return is_followed_by_hunk && !(r->old_left == 1 && r->new_left == 1);
	}
	return r->has_counts || is_followed_by_hunk ||
	       slice_eq(slice_trim(slice_from(r->lines->items[at + 1], 4)), DEV_NULL);
}

static struct slice hunk_line(const struct hunk_reading *r, size_t at) {
	struct slice line = r->lines->items[at];
	return slice_is(line, "\r") ? slice_make(NULL, 0) : line;
}

/* True when the hunk ends before this line. */
static bool is_hunk_end(const struct hunk_reading *r, size_t at) {
	struct slice line = hunk_line(r, at);
	char first = line.len > 0 ? line.data[0] : '\0';
	if (starts(line, "@@") || is_next_file(r, at)) {
		return true;
	}
	if (is_satisfied(r)) {
		/* More lines that look like the hunk's: the counts are wrong. "-- " is the
		 * signature line of a mailed patch. */
		return slice_is(line, "-- ") || slice_is(line, "--") || first == '\0' ||
		       memchr("+- \\", first, 4) == NULL;
	}
	bool is_diff_line = first == '\0' || memchr("+- \t\\", first, 5) != NULL;
	/* Within a fence it can only be context that lost its blank; prose ends a bare diff. */
	return !is_diff_line && (!r->is_fenced || STARTS_WITH_ONE_OF(line, ignored_headers));
}

static void take_line(struct hunk_reading *r, struct arena *arena, struct slice line) {
	char first = line.len > 0 ? line.data[0] : '\0';
	if (first == '\\') {
		if (r->found.len > 0) {
			r->found.items[r->found.len - 1].has_no_newline = true;
		}
		return;
	}
	bool is_marked = first == '+' || first == '-' || first == ' ';
	struct edit_line *found = ARENA_PUSH(arena, &r->found);
	found->kind = is_marked ? first : ' ';
	found->text = slice_from(line, is_marked);
	r->old_left -= found->kind != '+';
	r->new_left -= found->kind != '-';
	r->empty_at_end = line.len == 0 ? r->empty_at_end + 1 : 0;
}

/* Separators behind a hunk are not part of it, unless the counts say so. */
static void drop_separators(struct hunk_reading *r) {
	while (r->empty_at_end > 0 && (!r->has_counts || r->old_left != 0 || r->new_left != 0)) {
		r->empty_at_end--;
		r->found.len--;
		r->old_left++;
		r->new_left++;
	}
}

static bool read_hunk(struct reply *reply, const struct reply_lines *lines, size_t *at,
	bool is_fenced, struct edit_hunk *hunk) {
	struct hunk_reading r = {.lines = lines, .is_fenced = is_fenced};
	struct slice head = slice_from(lines->items[*at], 2);
	int64_t new_start = 0, old_start = 0;
	size_t start = (*at)++;
	r.has_counts = read_range(&head, '-', &old_start, &r.old_left) &&
		       read_range(&head, '+', &new_start, &r.new_left);
	if (!r.has_counts) {
		r.old_left = r.new_left = 0;
	}
	hunk->has_numbers = r.has_counts;
	hunk->old_start = r.has_counts ? old_start : 0;
	for (; *at < lines->len && !is_hunk_end(&r, *at); ++*at) {
		take_line(&r, reply->arena, hunk_line(&r, *at));
	}
	drop_separators(&r);
	hunk->lines = r.found.items;
	hunk->count = r.found.len;
	bool is_short = r.has_counts && (r.old_left > 0 || r.new_left > 0) &&
			!(r.old_left == r.new_left && r.old_left <= CONTEXT_LOST_MAX);
	if (is_short && !is_fenced) {
		return refuse_line(reply, lines, start,
			"the hunk has fewer lines than its numbers say: the reply seems to be cut "
			"off");
	}
	for (size_t i = 0; i < hunk->count; i++) {
		if (hunk->lines[i].kind != ' ') {
			return true;
		}
	}
	return refuse_line(reply, lines, start, "the hunk neither removes nor adds a line");
}

struct hunk_list {
	struct edit_hunk *items;
	size_t len, cap;
};

static bool read_hunks(struct reply *reply, const struct reply_lines *lines, size_t *at,
	bool is_fenced, struct hunk_list *hunks) {
	for (;;) {
		size_t next = *at;
		while (next < lines->len && slice_trim(lines->items[next]).len == 0) {
			next++;
		}
		if (next == lines->len || !starts(lines->items[next], "@@")) {
			return true;
		}
		*at = next;
		if (!read_hunk(reply, lines, at, is_fenced, ARENA_PUSH(reply->arena, hunks))) {
			return false;
		}
	}
}

/* ---- one file ---- */

static struct slice path_of(
	struct reply *reply, const struct section *section, struct slice given) {
	if (section->rename_from.data) {
		return section->rename_from;
	}
	if (section->new_name.data) {
		return section->deletes && slice_eq(section->new_name, DEV_NULL)
			       ? section->old_name
			       : section->new_name;
	}
	return section->git_names.data ? git_name(reply->arena, section->git_names) : given;
}

static bool add_edits(struct reply *reply, const struct section *section,
	const struct hunk_list *hunks, struct slice path, enum edit_format format) {
	if (hunks->len > 0) {
		struct edit *edit = reply_add(reply, format, EDIT_HUNKS, path, section->line);
		edit->hunks = hunks->items;
		edit->hunk_count = hunks->len;
		edit->creates = section->creates;
		edit->deletes = section->deletes;
	} else if (section->creates) {
		reply_add(reply, format, EDIT_CONTENT, path, section->line)->content = SLICE("");
	} else if (section->deletes) {
		reply_add(reply, format, EDIT_DELETE, path, section->line);
	}
	if (section->rename_to.data) {
		reply_add(reply, format, EDIT_RENAME, path, section->line)->new_path =
			section->rename_to;
	}
	return true;
}

bool reply_read_diff(struct reply *reply, const struct reply_lines *lines, size_t *at,
	bool is_fenced, struct slice path, enum edit_format format) {
	size_t start = *at;
	struct section section = {.line = lines->first_number + start};
	struct hunk_list hunks = {0};
	if (!starts(lines->items[start], "@@") && !read_headers(reply, lines, at, &section)) {
		return false;
	}
	if (!read_hunks(reply, lines, at, is_fenced, &hunks)) {
		return false;
	}
	if (!section.rename_from.data != !section.rename_to.data) {
		return refuse_line(reply, lines, start, "a rename needs \"from\" and \"to\"");
	}
	if (section.new_name.data && hunks.len == 0 && !section.deletes && !section.creates) {
		return refuse_line(reply, lines, start, "the file has no \"@@\" hunk");
	}
	bool is_mode_only =
		hunks.len == 0 && !section.creates && !section.deletes && !section.rename_to.data;
	struct slice named = path_of(reply, &section, path);
	if (named.len == 0 && !is_mode_only) {
		return refuse_line(reply, lines, start, "it names no file");
	}
	return add_edits(reply, &section, &hunks, named, format);
}
