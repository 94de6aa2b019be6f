/* apply_parse.c: finds the edits in a model's reply, whatever format they are in
 * (workflows.md 7.2).
 */
#include "workflow/apply_parse.h"

#include "base/encoding.h"
#include "base/map.h"
#include "data/extract.h"
#include "workflow/apply_paths.h"

#define SHOWN_MAX ((size_t)200)

const char *const edit_format_names[EDIT_FORMAT_COUNT] = {
	"unified diff", "JSON edits", "search/replace blocks", "fenced whole files"};

/* Words of an info string that say what is in the fence. */
static const char *const diff_languages[] = {"diff", "patch", "udiff"};
static const char *const path_keys[] = {"path=", "file=", "filename="};
/* Files whose own text has fences in it. */
static const char *const markdown_languages[] = {"markdown", "md", "mdx"};

struct fence {
	size_t open, close; /* lines; close = the line count when it is not closed */
	bool is_closed;
	struct slice language, path;
};

/* A text whose every line ends in CRLF came that way; a single such line has its CR as content. */
static bool ends_all_in_crlf(struct slice text) {
	for (size_t at = 0; at < text.len; at++) {
		size_t end = slice_find_byte(slice_from(text, at), '\n');
		if (end == SIZE_MAX) {
			break;
		}
		at += end;
		if (at == 0 || text.data[at - 1] != '\r') {
			return false;
		}
	}
	return true;
}

void reply_lines_split(
	struct arena *arena, struct slice text, size_t first_number, struct reply_lines *lines) {
	*lines = (struct reply_lines){.first_number = first_number};
	bool cuts_cr = ends_all_in_crlf(text);
	while (text.len > 0) {
		size_t end = slice_find_byte(text, '\n');
		struct slice line = slice_sub(text, 0, end);
		text = end == SIZE_MAX ? slice_make(NULL, 0) : slice_from(text, end + 1);
		if (cuts_cr && line.len > 0 && line.data[line.len - 1] == '\r') {
			line.len--;
		}
		*ARENA_PUSH(arena, lines) = line;
	}
}

struct slice reply_lines_join(struct arena *arena, const struct reply_lines *lines) {
	size_t size = 0;
	for (size_t i = 0; i < lines->len; i++) {
		size += lines->items[i].len + 1;
	}
	char *text = arena_alloc(arena, size + 1), *to = text;
	for (size_t i = 0; i < lines->len; i++) {
		if (lines->items[i].len > 0) {
			memcpy(to, lines->items[i].data, lines->items[i].len);
			to += lines->items[i].len;
		}
		*to++ = '\n';
	}
	return slice_make(text, size);
}

struct edit *reply_add(struct reply *reply, enum edit_format format, enum edit_kind kind,
	struct slice path, size_t line) {
	struct edit *edit = ARENA_PUSH(reply->arena, reply->set);
	edit->kind = kind;
	edit->path = path;
	edit->line = line;
	edit->number = (unsigned)reply->set->len;
	arena_grow(reply->arena, (void **)&reply->edit_formats, &reply->edit_format_cap,
		reply->set->len, sizeof *reply->edit_formats);
	reply->edit_formats[reply->set->len - 1] = format;
	return edit;
}

/* ---- fences ---- */

static size_t indentation(struct slice line) {
	size_t count = 0;
	while (count < line.len && line.data[count] == ' ') {
		count++;
	}
	return count;
}

/* The run of backticks or tildes that a line begins with, at least three; else 0. */
static size_t fence_run(struct slice line, char *mark) {
	struct slice rest = slice_from(line, indentation(line));
	if (rest.len < 3 || (rest.data[0] != '`' && rest.data[0] != '~')) {
		return 0;
	}
	*mark = rest.data[0];
	size_t count = 0;
	while (count < rest.len && rest.data[count] == *mark) {
		count++;
	}
	/* An info string has no backtick: this is code within a line. */
	if (*mark == '`' && slice_find_byte(slice_from(rest, count), '`') != SIZE_MAX) {
		return 0;
	}
	return count >= 3 ? count : 0;
}

static struct slice info_of(struct slice line, size_t run) {
	return slice_trim(slice_from(line, indentation(line) + run));
}

static bool is_one_of(struct slice word, const char *const *words, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (slice_ieq(word, slice_of(words[i]))) {
			return true;
		}
	}
	return false;
}
#define IS_ONE_OF(word, words) is_one_of((word), (words), sizeof(words) / sizeof *(words))

/* `lang path=src/a.c`, `path="a file.c"` */
static void read_info(struct slice info, struct fence *fence) {
	for (size_t at = 0; at < info.len;) {
		bool is_start = at == 0 || info.data[at - 1] == ' ' || info.data[at - 1] == '{' ||
				info.data[at - 1] == '\t';
		for (size_t i = 0; is_start && i < sizeof path_keys / sizeof *path_keys; i++) {
			struct slice rest = slice_from(info, at);
			if (!slice_istarts_with(rest, slice_of(path_keys[i]))) {
				continue;
			}
			rest = slice_from(rest, strlen(path_keys[i]));
			char quote = rest.len > 0 ? rest.data[0] : '\0';
			bool is_quoted = quote == '"' || quote == '\'';
			rest = slice_from(rest, is_quoted);
			size_t end = 0;
			while (end < rest.len &&
				(is_quoted ? rest.data[end] != quote
					   : rest.data[end] != ' ' && rest.data[end] != '}')) {
				end++;
			}
			fence->path = slice_sub(rest, 0, end);
			break;
		}
		at++;
	}
	size_t word = 0;
	while (word < info.len && info.data[word] != ' ' && info.data[word] != '\t') {
		word++;
	}
	fence->language = slice_sub(info, 0, word);
}

/* Looks for the end of a fence. A line that closes it is no deeper indented than its beginning:
 * the context of a diff inside begins with a blank. With `nests`, a fence with an info string is
 * one inside. */
static size_t fence_end(const struct reply_lines *lines, size_t open, bool nests) {
	char mark = 0, other = 0;
	size_t run = fence_run(lines->items[open], &mark);
	size_t depth = 0;
	for (size_t i = open + 1; i < lines->len; i++) {
		size_t found = fence_run(lines->items[i], &other);
		if (found == 0) {
			continue;
		}
		bool has_info = info_of(lines->items[i], found).len > 0;
		if (has_info) {
			depth += nests;
		} else if (depth > 0) {
			depth--;
		} else if (other == mark && found >= run &&
			   indentation(lines->items[i]) <= indentation(lines->items[open])) {
			return i;
		}
	}
	return lines->len;
}

static bool read_fence(const struct reply_lines *lines, size_t at, struct fence *fence) {
	char mark = 0;
	size_t run = fence_run(lines->items[at], &mark);
	if (run == 0) {
		return false;
	}
	*fence = (struct fence){.open = at};
	read_info(info_of(lines->items[at], run), fence);
	bool nests = IS_ONE_OF(fence->language, markdown_languages) ||
		     slice_ends_with(fence->path, SLICE(".md"));
	fence->close = fence_end(lines, at, nests);
	if (nests && fence->close == lines->len) {
		fence->close = fence_end(lines, at, false);
	}
	fence->is_closed = fence->close < lines->len;
	return true;
}

/* The lines of a fence, without the indentation that the fence itself has (a fence in a list). */
static struct reply_lines fence_lines(
	struct arena *arena, const struct reply_lines *lines, const struct fence *fence) {
	size_t depth = indentation(lines->items[fence->open]);
	struct reply_lines inner = reply_lines_part(lines, fence->open + 1, fence->close);
	if (depth == 0) {
		return inner;
	}
	struct reply_lines out = {.first_number = inner.first_number};
	for (size_t i = 0; i < inner.len; i++) {
		size_t own = indentation(inner.items[i]);
		*ARENA_PUSH(arena, &out) = slice_from(inner.items[i], own < depth ? own : depth);
	}
	return out;
}

/* ---- paths on lines of their own ---- */

static struct slice strip_pair(struct slice text, const char *mark) {
	struct slice pair = slice_of(mark);
	if (text.len >= 2 * pair.len && slice_starts_with(text, pair) &&
		slice_ends_with(text, pair)) {
		return slice_sub(text, pair.len, text.len - 2 * pair.len);
	}
	return text;
}

static bool looks_like_path(struct slice word) {
	if (word.len == 0 || slice_contains(word, SLICE("://")) || word.data[word.len - 1] == '/' ||
		word.data[word.len - 1] == '.') {
		return false;
	}
	for (size_t i = 0; i < word.len; i++) {
		unsigned char byte = (unsigned char)word.data[i];
		if (byte <= ' ' || (byte < 0x80 && strchr("<>()\"'`*|:,;=", byte))) {
			return false;
		}
	}
	if (slice_find_byte(word, '/') != SIZE_MAX) {
		return true;
	}
	size_t dot = SIZE_MAX;
	for (size_t i = 0; i < word.len; i++) {
		dot = word.data[i] == '.' ? i : dot;
	}
	for (size_t i = dot; dot != SIZE_MAX && i < word.len; i++) {
		if ((word.data[i] | 0x20) >= 'a' && (word.data[i] | 0x20) <= 'z') {
			return true;
		}
	}
	return slice_is(word, "Makefile") || slice_is(word, "Dockerfile");
}

struct slice reply_path_of_line(struct slice line) {
	static const char *const labels[] = {"file:", "path:", "filename:"};
	struct slice text = slice_trim(line);
	while (text.len > 0 && text.data[0] == '#') {
		text = slice_from(text, 1);
	}
	text = slice_trim(text);
	if (slice_ends_with(text, SLICE(":"))) {
		text.len--;
	}
	text = strip_pair(text, "**");
	if (slice_ends_with(text, SLICE(":"))) {
		text.len--;
	}
	bool is_labelled = false;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		if (slice_istarts_with(text, slice_of(labels[i]))) {
			text = slice_trim(slice_from(text, strlen(labels[i])));
			is_labelled = true;
		}
	}
	struct slice bare = strip_pair(strip_pair(text, "**"), "`");
	bool is_quoted = bare.len < text.len;
	if (looks_like_path(bare) ||
		((is_labelled || is_quoted) && bare.len > 0 &&
			slice_find_byte(bare, '`') == SIZE_MAX &&
			slice_find_byte(bare, '*') == SIZE_MAX &&
			(is_labelled || slice_find_byte(bare, ' ') == SIZE_MAX))) {
		return bare;
	}
	return slice_make(NULL, 0);
}

/* The path on the line before `at`, with at most one blank line between. */
static struct slice path_before(const struct reply_lines *lines, size_t at) {
	for (size_t back = 1; back <= 2 && back <= at; back++) {
		struct slice line = lines->items[at - back];
		if (slice_trim(line).len > 0) {
			return reply_path_of_line(line);
		}
	}
	return slice_make(NULL, 0);
}

/* ---- what is in a fence ---- */

static bool has_block_start(const struct reply_lines *lines) {
	for (size_t i = 0; i < lines->len; i++) {
		if (reply_is_block_start(lines->items[i])) {
			return true;
		}
	}
	return false;
}

static size_t find_diff_start(const struct reply_lines *lines) {
	for (size_t i = 0; i < lines->len; i++) {
		if (reply_is_diff_start(lines, i)) {
			return i;
		}
	}
	return SIZE_MAX;
}

static bool refuse_open_fence(struct reply *reply, const struct reply_lines *lines,
	const struct fence *fence, enum edit_format format) {
	return error_set(reply->error, ERROR_UNPROCESSABLE,
		"the fence at line %zu of the reply is not closed: the reply seems to be cut off "
		"within its %s; nothing was applied",
		lines->first_number + fence->open, edit_format_names[format]);
}

/* Search/replace blocks, the path before each, before the fence, or that of the block before. */
static bool read_blocks(struct reply *reply, const struct reply_lines *lines, struct slice path) {
	for (size_t at = 0; at < lines->len;) {
		if (!reply_is_block_start(lines->items[at])) {
			at++;
			continue;
		}
		struct slice named = path_before(lines, at);
		path = named.data ? named : path;
		if (!reply_read_block(reply, lines, &at, path)) {
			return false;
		}
	}
	return true;
}

static bool read_fenced_diff(
	struct reply *reply, const struct reply_lines *lines, struct slice path) {
	for (size_t at = 0; at < lines->len;) {
		bool is_start = reply_is_diff_start(lines, at) ||
				(path.data && slice_starts_with(lines->items[at], SLICE("@@")));
		if (!is_start) {
			struct slice line = lines->items[at];
			if (slice_starts_with(line, SLICE("@@")) ||
				(line.len > 0 && (line.data[0] == '+' || line.data[0] == '-'))) {
				return error_set(reply->error, ERROR_UNPROCESSABLE,
					"the unified diff is broken at line %zu of the reply: "
					"\"%.*s\" belongs to no file (each file needs its "
					"\"--- path\" and \"+++ path\" lines and \"@@\" hunks)",
					lines->first_number + at,
					(int)(line.len < 80 ? line.len : 80), line.data);
			}
			at++;
		} else if (!reply_read_diff(reply, lines, &at, true, path, EDIT_FORMAT_DIFF)) {
			return false;
		}
	}
	return true;
}

/* True when text that is no JSON was meant to be edits: to say so instead of passing over it. */
static bool was_meant_as_edits(struct slice text) {
	return slice_contains(text, SLICE("\"edits\"")) ||
	       ((slice_contains(text, SLICE("\"path\"")) ||
			slice_contains(text, SLICE("\"file\""))) &&
		       (slice_contains(text, SLICE("\"old\"")) ||
			       slice_contains(text, SLICE("\"content\"")) ||
			       slice_contains(text, SLICE("\"diff\""))));
}

/* JSON edits in a fence; *is_read when there were some. */
static bool read_fenced_json(
	struct reply *reply, const struct reply_lines *lines, bool is_json_fence, bool *is_read) {
	struct slice text = slice_trim(reply_lines_join(reply->arena, lines));
	*is_read = false;
	if (text.len == 0 || (text.data[0] != '{' && text.data[0] != '[')) {
		return true;
	}
	struct error error = {0};
	const struct json *json = json_parse(reply->arena, text, NULL, &error);
	if (!json && is_json_fence && was_meant_as_edits(text)) {
		return error_set(reply->error, ERROR_UNPROCESSABLE,
			"the JSON edits in the fence before line %zu of the reply are broken: %s",
			lines->first_number + lines->len, error.message);
	}
	if (!json || !reply_is_json_edits(json)) {
		return true;
	}
	*is_read = true;
	return reply_read_json(reply, json, lines->first_number);
}

static bool read_whole_file(struct reply *reply, const struct reply_lines *lines,
	const struct fence *fence, const struct reply_lines *inner, struct slice path) {
	if (!fence->is_closed) {
		return refuse_open_fence(reply, lines, fence, EDIT_FORMAT_FENCE);
	}
	struct edit *edit = reply_add(
		reply, EDIT_FORMAT_FENCE, EDIT_CONTENT, path, lines->first_number + fence->open);
	edit->content = reply_lines_join(reply->arena, inner);
	return true;
}

static bool read_fence_content(
	struct reply *reply, const struct reply_lines *lines, const struct fence *fence) {
	struct reply_lines inner = fence_lines(reply->arena, lines, fence);
	bool is_diff = IS_ONE_OF(fence->language, diff_languages);
	struct slice before = path_before(lines, fence->open);
	struct slice path = fence->path.data ? fence->path : before;
	if (has_block_start(&inner)) {
		return fence->is_closed
			       ? read_blocks(reply, &inner, path)
			       : refuse_open_fence(reply, lines, fence, EDIT_FORMAT_BLOCKS);
	}
	bool is_whole_file = fence->path.data && !is_diff;
	if (is_diff || (!is_whole_file && find_diff_start(&inner) != SIZE_MAX)) {
		return fence->is_closed ? read_fenced_diff(reply, &inner, path)
					: refuse_open_fence(reply, lines, fence, EDIT_FORMAT_DIFF);
	}
	if (!fence->path.data) {
		bool is_read;
		if (!read_fenced_json(reply, &inner,
			    slice_istarts_with(fence->language, SLICE("json")), &is_read)) {
			return false;
		}
		if (is_read) {
			return true;
		}
	}
	return !path.data || read_whole_file(reply, lines, fence, &inner, path);
}

/* ---- the reply ---- */

static bool read_lines(struct reply *reply, const struct reply_lines *lines) {
	struct slice block_path = {NULL, 0};
	for (size_t at = 0; at < lines->len;) {
		struct fence fence;
		if (read_fence(lines, at, &fence)) {
			if (!read_fence_content(reply, lines, &fence)) {
				return false;
			}
			at = fence.is_closed ? fence.close + 1 : fence.close;
			block_path = slice_make(NULL, 0);
		} else if (reply_is_block_start(lines->items[at])) {
			struct slice named = path_before(lines, at);
			block_path = named.data ? named : block_path;
			if (!reply_read_block(reply, lines, &at, block_path)) {
				return false;
			}
		} else if (reply_is_diff_start(lines, at)) {
			if (!reply_read_diff(reply, lines, &at, false, slice_make(NULL, 0),
				    EDIT_FORMAT_DIFF)) {
				return false;
			}
		} else {
			at++;
		}
	}
	return true;
}

/* Two formats for one file cannot both be meant (7.2). */
static bool check_disjoint(const struct reply *reply) {
	static const enum edit_format formats[EDIT_FORMAT_COUNT] = {
		EDIT_FORMAT_DIFF, EDIT_FORMAT_JSON, EDIT_FORMAT_BLOCKS, EDIT_FORMAT_FENCE};
	struct map seen;
	map_init(&seen);
	bool is_ok = true;
	for (size_t i = 0; is_ok && i < reply->set->len; i++) {
		const struct edit *edit = &reply->set->items[i];
		const enum edit_format *format = &formats[reply->edit_formats[i]];
		struct slice paths[2] = {edit->path, edit->new_path};
		for (size_t p = 0; is_ok && p < 2 && paths[p].data; p++) {
			struct slice key = apply_path_tidy(reply->arena, paths[p]);
			const enum edit_format *other = map_get(&seen, key);
			if (other && *other != *format) {
				is_ok = error_set(reply->error, ERROR_UNPROCESSABLE,
					"the reply edits %.*s both by %s and by %s; give each file "
					"one format",
					SLICE_FMT(key), edit_format_names[*other],
					edit_format_names[*format]);
			} else if (!other) {
				map_put(&seen, key, (void *)(uintptr_t)format);
			}
		}
	}
	map_finish(&seen, NULL);
	return is_ok;
}

static const char *formats_of(const struct reply *reply) {
	bool is_used[EDIT_FORMAT_COUNT] = {false};
	for (size_t i = 0; i < reply->set->len; i++) {
		is_used[reply->edit_formats[i]] = true;
	}
	struct slice names = {NULL, 0};
	for (size_t i = 0; i < EDIT_FORMAT_COUNT; i++) {
		if (is_used[i]) {
			names = names.data ? arena_printf(reply->arena, "%.*s, %s",
						     SLICE_FMT(names), edit_format_names[i])
					   : slice_of(edit_format_names[i]);
		}
	}
	return names.data ? names.data : "none";
}

static bool nothing_found(struct slice text, struct error *error) {
	text = slice_trim(text);
	if (text.len == 0) {
		return error_set(error, ERROR_UNPROCESSABLE, "no edits found: the reply is empty");
	}
	struct slice shown = slice_sub(text, 0, SHOWN_MAX);
	shown.len = utf8_whole_prefix(shown);
	return error_set(error, ERROR_UNPROCESSABLE,
		"no edits found. Tried: unified diff, JSON ({\"edits\": [...]}, an array, one "
		"object), search/replace blocks, fenced files with a path. The reply begins: "
		"%.*s%s",
		SLICE_FMT(shown), shown.len < text.len ? "..." : "");
}

bool apply_parse(
	struct slice text, struct arena *arena, struct edit_set *set, struct error *error) {
	*set = (struct edit_set){.formats = "none"};
	struct reply reply = {.arena = arena, .set = set, .error = error};
	struct slice trimmed = slice_trim(text);
	const struct json *json = NULL;
	struct error json_error = {0};
	if (trimmed.len > 0 && (trimmed.data[0] == '{' || trimmed.data[0] == '[')) {
		json = json_parse(arena, trimmed, NULL, &json_error);
	}
	if (json && reply_is_json_edits(json)) {
		if (!reply_read_json(&reply, json, 0)) {
			return false;
		}
	} else {
		struct reply_lines lines;
		reply_lines_split(arena, text, 1, &lines);
		if (!read_lines(&reply, &lines)) {
			return false;
		}
	}
	if (set->len == 0 && !json) {
		json = extract_json(arena, text, NULL);
		if (json && reply_is_json_edits(json) && !reply_read_json(&reply, json, 0)) {
			return false;
		}
	}
	if (set->len == 0 && json_error.kind != ERROR_NONE && was_meant_as_edits(trimmed)) {
		return error_set(error, ERROR_UNPROCESSABLE,
			"the reply's JSON edits are broken: %s", json_error.message);
	}
	set->formats = formats_of(&reply);
	return set->len == 0 ? nothing_found(text, error) : check_disjoint(&reply);
}

bool apply_parse_json(
	const struct json *edits, struct arena *arena, struct edit_set *set, struct error *error) {
	*set = (struct edit_set){.formats = edit_format_names[EDIT_FORMAT_JSON]};
	struct reply reply = {.arena = arena, .set = set, .error = error};
	if (json_is_null(edits)) {
		return error_set(error, ERROR_UNPROCESSABLE, "no edits found: there is no value");
	}
	if (!reply_read_json(&reply, edits, 0)) {
		return false;
	}
	return set->len > 0 ||
	       error_set(error, ERROR_UNPROCESSABLE, "no edits found: the list is empty");
}
