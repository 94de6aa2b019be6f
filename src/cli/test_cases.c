/* test_cases.c: reads the cases of a workflow's test file (test_cases.h). */
#include "cli/test_cases.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/file.h"
#include "data/document.h"

#define TEST_FILE_MAX ((size_t)16 * 1024 * 1024)
#define SHOWN_MAX ((size_t)200)

struct reader {
	struct arena *arena;
	struct problems *problems;
	const char *dir;
};

static const char *const end_words[] = {
	[RUN_OK] = "ok",
	[RUN_FAILED] = "failed",
	[RUN_TIMED_OUT] = "timed_out",
	[RUN_CANCELLED] = "cancelled",
	NULL,
};

/* ---- pieces ---- */

#define REFUSE(reader, node, ...)                                                                  \
	problems_add((reader)->problems, (node)->line, (node)->column, __VA_ARGS__)

static struct slice text_of(struct reader *reader, const struct json *node, const char *what) {
	if (node->type == JSON_STRING) {
		return json_string(node, reader->arena);
	}
	if (node->type == JSON_ARRAY || node->type == JSON_OBJECT || node->type == JSON_NULL) {
		REFUSE(reader, node, "%s is a text, not %s", what, json_type_name(node));
		return SLICE("");
	}
	return json_raw(node); /* a number, true, false: as it is written */
}

static bool is_table(struct reader *reader, const struct json *node, const char *what) {
	if (node->type == JSON_OBJECT) {
		return true;
	}
	REFUSE(reader, node, "%s is a table, not %s", what, json_type_name(node));
	return false;
}

static int64_t number_of(struct reader *reader, const struct json *node, const char *what) {
	int64_t number = 0;
	if (!json_int64(node, &number) || number < 0) {
		REFUSE(reader, node, "%s is a number from 0 on", what);
	}
	return number;
}

static int word_of(struct reader *reader, const struct json *node, const char *what,
	const char *const *words) {
	struct slice text = text_of(reader, node, what);
	for (int i = 0; words[i] != NULL; i++) {
		if (slice_is(text, words[i])) {
			return i;
		}
	}
	const char *near = problems_nearest(text, words);
	REFUSE(reader, node, "%s cannot be `%.*s`", what, SLICE_FMT(text));
	if (near != NULL) {
		problems_hint(reader->problems, "did you mean `%s`?", near);
	}
	return 0;
}

/* A member that no row knows. */
static void refuse_key(struct reader *reader, const struct json *node, const char *const *known) {
	struct slice key = json_key(node, reader->arena);
	uint32_t line, column;
	document_key_position(node, &line, &column);
	problems_add(reader->problems, line, column, "unknown key `%.*s`", SLICE_FMT(key));
	const char *near = problems_nearest(key, known);
	if (near != NULL) {
		problems_hint(reader->problems, "did you mean `%s`?", near);
	}
}

/* ---- texts to compare with ---- */

static void read_parts(struct reader *reader, const struct json *node, struct slice **items,
	size_t *len, size_t *cap) {
	struct {
		struct slice *items;
		size_t len, cap;
	} list = {*items, *len, *cap};
	if (node->type != JSON_ARRAY) {
		*ARENA_PUSH(reader->arena, &list) = text_of(reader, node, "a part of the text");
	}
	json_each (part, node->type == JSON_ARRAY ? node : NULL) {
		*ARENA_PUSH(reader->arena, &list) = text_of(reader, part, "a part of the text");
	}
	*items = list.items;
	*len = list.len;
	*cap = list.cap;
}

/* A text is compared as a whole; a table says how. */
static void read_text(struct reader *reader, const struct json *node, struct test_text *want) {
	static const char *const known[] = {"equals", "contains", "lacks", "matches", NULL};
	*want = (struct test_text){.is_given = true};
	if (node->type != JSON_OBJECT) {
		want->equals = text_of(reader, node, "what is expected");
		return;
	}
	json_each (member, node) {
		if (json_key_is(member, "equals")) {
			want->equals = text_of(reader, member, "`equals`");
		} else if (json_key_is(member, "contains")) {
			read_parts(reader, member, &want->contains.items, &want->contains.len,
				&want->contains.cap);
		} else if (json_key_is(member, "lacks")) {
			read_parts(reader, member, &want->lacks.items, &want->lacks.len,
				&want->lacks.cap);
		} else if (json_key_is(member, "matches")) {
			struct error error = {0};
			want->pattern = text_of(reader, member, "`matches`");
			want->matches = regex_compile(reader->arena, want->pattern, &error);
			if (want->matches == NULL) {
				REFUSE(reader, member, "`matches`: %s", error.message);
			}
		} else {
			refuse_key(reader, member, known);
		}
	}
}

static const char *shown(struct slice text, struct arena *arena) {
	bool is_cut = text.len > SHOWN_MAX;
	struct slice part = slice_sub(text, 0, SHOWN_MAX);
	struct buf out;
	struct json_writer w;
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	json_write_string(&w, slice_sub(part, 0, utf8_whole_prefix(part)));
	const char *result =
		arena_printf(arena, "%.*s%s", (int)out.len, out.data, is_cut ? "..." : "").data;
	buf_finish(&out);
	return result;
}

const char *test_text_check(
	const struct test_text *want, const char *what, struct slice text, struct arena *arena) {
	if (!want->is_given) {
		return NULL;
	}
	if (want->equals.data != NULL && !slice_eq(slice_trim(want->equals), slice_trim(text))) {
		return arena_printf(arena, "%s is %s, not %s", what, shown(text, arena),
			shown(want->equals, arena))
			.data;
	}
	for (size_t i = 0; i < want->contains.len; i++) {
		if (!slice_contains(text, want->contains.items[i])) {
			return arena_printf(arena, "%s does not contain %s: %s", what,
				shown(want->contains.items[i], arena), shown(text, arena))
				.data;
		}
	}
	for (size_t i = 0; i < want->lacks.len; i++) {
		if (slice_contains(text, want->lacks.items[i])) {
			return arena_printf(arena, "%s contains %s: %s", what,
				shown(want->lacks.items[i], arena), shown(text, arena))
				.data;
		}
	}
	bool fits = want->matches == NULL ||
		    (utf8_valid(text, NULL) &&
			    regex_search(want->matches, text, 0, NULL) == REGEX_MATCH);
	return fits ? NULL
		    : arena_printf(arena, "%s does not match %s: %s", what,
			      shown(want->pattern, arena), shown(text, arena))
			       .data;
}

/* ---- replies ---- */

static void read_reply(struct reader *reader, const struct json *node, struct runner_reply *row) {
	static const char *const known[] = {"text", "error", "match", "times", "delay_ms", NULL};
	row->place = (struct option_place){
		.file = reader->problems->file, .line = node->line, .column = node->column};
	row->text = row->error = row->match = SLICE("");
	if (node->type != JSON_OBJECT) {
		row->text = text_of(reader, node, "a reply");
		return;
	}
	json_each (member, node) {
		if (json_key_is(member, "text")) {
			row->text = text_of(reader, member, "`text`");
		} else if (json_key_is(member, "error")) {
			word_of(reader, member, "`error`", failure_class_names);
			row->error = text_of(reader, member, "`error`");
		} else if (json_key_is(member, "match")) {
			row->match = text_of(reader, member, "`match`");
		} else if (json_key_is(member, "times")) {
			row->times = number_of(reader, member, "`times`");
		} else if (json_key_is(member, "delay_ms")) {
			row->delay_ms = number_of(reader, member, "`delay_ms`");
		} else {
			refuse_key(reader, member, known);
		}
	}
}

/* Of a list each row answers once, but the last and those that choose by the prompt. */
static void read_replies(struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		struct test_replies *replies = ARENA_PUSH(reader->arena, &one->replies);
		replies->name = json_key(member, reader->arena);
		document_key_position(member, &replies->line, &replies->column);
		if (member->type != JSON_ARRAY) {
			read_reply(reader, member, ARENA_PUSH(reader->arena, &replies->rows));
		}
		json_each (row, member->type == JSON_ARRAY ? member : NULL) {
			struct runner_reply *reply = ARENA_PUSH(reader->arena, &replies->rows);
			read_reply(reader, row, reply);
			bool has_times = json_get(row, "times") != NULL;
			if (!has_times && reply->match.len == 0 && row->next != NULL) {
				reply->times = 1;
			}
		}
	}
}

/* ---- what is set up ---- */

static bool is_inside(struct slice path) {
	struct slice rest = path;
	struct slice part;
	bool is_fine = path.len > 0 && path.data[0] != '/';
	while (slice_split(&rest, '/', &part)) {
		is_fine &= !slice_is(part, "..") && part.len > 0;
	}
	return is_fine;
}

static struct slice read_from(struct reader *reader, const struct json *node) {
	const struct json *from = json_get(node, "from");
	struct error error = {0};
	struct buf text;
	if (from == NULL) {
		REFUSE(reader, node, "a file is a text, or a table with `from`");
		return SLICE("");
	}
	const char *name = arena_strdup(reader->arena, text_of(reader, from, "`from`"));
	buf_init(&text, 0);
	if (!file_read_regular(name[0] == '/' ? name : file_join(reader->arena, reader->dir, name),
		    TEST_FILE_MAX, &text, &error)) {
		REFUSE(reader, from, "%s", error.message);
	}
	struct slice kept = arena_dup(reader->arena, buf_slice(&text));
	buf_finish(&text);
	return kept;
}

static struct slice read_path(struct reader *reader, const struct json *member) {
	struct slice path = json_key(member, reader->arena);
	if (!is_inside(path)) {
		REFUSE(reader, member,
			"the file `%.*s` is not in the case's directory: no `..`, no `/` in front",
			SLICE_FMT(path));
	}
	return path;
}

static void read_files(struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		struct test_file *file = ARENA_PUSH(reader->arena, &one->files);
		file->path = read_path(reader, member);
		file->text = member->type == JSON_OBJECT ? read_from(reader, member)
							 : text_of(reader, member, "a file");
	}
}

/* A list, as a command line writes it. */
static struct slice join(struct reader *reader, const struct json *list) {
	struct slice joined = SLICE("");
	json_each (item, list) {
		joined = arena_printf(reader->arena, "%.*s%s%.*s", SLICE_FMT(joined),
			item == list->child ? "" : ",",
			SLICE_FMT(text_of(reader, item, "an argument")));
	}
	return joined;
}

/* A table of names, or the words of a command line. */
static void read_args(struct reader *reader, const struct json *node, struct test_case *one) {
	one->words = ARENA_ARRAY(reader->arena, char *, node->count + 1);
	if (node->type != JSON_ARRAY && !is_table(reader, node, "`args`")) {
		return;
	}
	json_each (member, node) {
		struct slice text = member->type == JSON_ARRAY
					    ? join(reader, member)
					    : text_of(reader, member, "an argument");
		if (node->type == JSON_OBJECT) {
			struct slice key = json_key(member, reader->arena);
			text = arena_printf(
				reader->arena, "%.*s=%.*s", SLICE_FMT(key), SLICE_FMT(text));
		}
		one->words[one->word_count++] = arena_strdup(reader->arena, text);
	}
}

static void read_answers(struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		struct slice text = text_of(reader, member, "an answer");
		*ARENA_PUSH(reader->arena, &one->answers) =
			(struct run_preset){json_key(member, reader->arena), text};
	}
}

/* ---- what is expected ---- */

static void read_step(struct reader *reader, const struct json *node, struct test_step *step) {
	static const char *const known[] = {"status", "output", "error", "prompt", NULL};
	step->name = json_key(node, reader->arena);
	step->status = -1;
	if (node->type != JSON_OBJECT) {
		step->status = word_of(reader, node, "the status of a step", step_status_names);
		return;
	}
	json_each (member, node) {
		if (json_key_is(member, "status")) {
			step->status =
				word_of(reader, member, "the status of a step", step_status_names);
		} else if (json_key_is(member, "output")) {
			read_text(reader, member, &step->output);
		} else if (json_key_is(member, "error")) {
			read_text(reader, member, &step->error);
		} else if (json_key_is(member, "prompt")) {
			read_text(reader, member, &step->prompt);
		} else {
			refuse_key(reader, member, known);
		}
	}
}

static void read_files_after(
	struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		struct test_file *file = ARENA_PUSH(reader->arena, &one->files_after);
		file->path = read_path(reader, member);
		file->is_absent = member->type == JSON_FALSE;
		if (!file->is_absent && member->type != JSON_TRUE) {
			read_text(reader, member, &file->want);
		}
	}
}

static void read_counts(struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		struct test_count *count = ARENA_PUSH(reader->arena, &one->counts);
		count->name = json_key(member, reader->arena);
		count->calls = number_of(reader, member, "a number of calls");
		document_key_position(member, &count->line, &count->column);
	}
}

static void read_steps(struct reader *reader, const struct json *node, struct test_case *one) {
	json_each (member, node) {
		read_step(reader, member, ARENA_PUSH(reader->arena, &one->steps));
	}
}

static void read_expect(struct reader *reader, const struct json *node, struct test_case *one) {
	static const char *const known[] = {
		"status", "output", "error", "steps", "files", "calls", NULL};
	static const struct {
		const char *key;
		void (*read)(struct reader *, const struct json *, struct test_case *);
	} tables[] = {{"steps", read_steps}, {"files", read_files_after}, {"calls", read_counts}};
	json_each (member, node) {
		bool is_found = false;
		for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
			if (json_key_is(member, tables[i].key)) {
				is_found = true;
				if (is_table(reader, member, tables[i].key)) {
					tables[i].read(reader, member, one);
				}
			}
		}
		if (json_key_is(member, "status")) {
			one->end = (enum run_end)word_of(
				reader, member, "the status of a run", end_words);
		} else if (json_key_is(member, "output")) {
			read_text(reader, member, &one->output);
		} else if (json_key_is(member, "error")) {
			read_text(reader, member, &one->error);
		} else if (!is_found) {
			refuse_key(reader, member, known);
		}
	}
}

/* ---- the file ---- */

static void read_case(struct reader *reader, const struct json *node, struct test_case *one) {
	static const char *const known[] = {"name", "args", "answers", "team", "ecosystem",
		"project", "files", "replies", "expect", NULL};
	static const struct {
		const char *key;
		void (*read)(struct reader *, const struct json *, struct test_case *);
	} tables[] = {{"answers", read_answers}, {"files", read_files}, {"replies", read_replies},
		{"expect", read_expect}};
	one->line = node->line;
	one->end = RUN_OK;
	json_each (member, node) {
		bool is_found = false;
		for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
			if (json_key_is(member, tables[i].key)) {
				is_found = true;
				if (is_table(reader, member, tables[i].key)) {
					tables[i].read(reader, member, one);
				}
			}
		}
		struct slice *text = json_key_is(member, "name")        ? &one->name
				     : json_key_is(member, "team")      ? &one->team
				     : json_key_is(member, "ecosystem") ? &one->ecosystem
				     : json_key_is(member, "project")   ? &one->project
									: NULL;
		if (text != NULL) {
			*text = text_of(reader, member, "a name");
		} else if (json_key_is(member, "args")) {
			read_args(reader, member, one);
		} else if (!is_found) {
			refuse_key(reader, member, known);
		}
	}
	if (one->name.len == 0) {
		one->name = arena_printf(reader->arena, "case at line %u", node->line);
	}
}

bool test_cases_read(struct slice text, const char *dir, struct arena *arena,
	struct problems *problems, struct test_cases *cases) {
	static const char *const known[] = {"cases", NULL};
	struct reader reader = {.arena = arena, .problems = problems, .dir = dir};
	size_t errors = problems->error_count;
	const struct json *root = toml_parse(arena, text, problems);
	json_each (member, root) {
		if (!json_key_is(member, "cases") || member->type != JSON_ARRAY) {
			refuse_key(&reader, member, known);
			continue;
		}
		json_each (one, member) {
			if (is_table(&reader, one, "a case")) {
				read_case(&reader, one, ARENA_PUSH(arena, cases));
			}
		}
	}
	if (root != NULL && cases->len == 0 && errors == problems->error_count) {
		problems_add(problems, 0, 0, "there are no [[cases]]");
	}
	return errors == problems->error_count;
}
