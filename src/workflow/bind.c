/* bind.c: a workflow's arguments: their definitions, and the words of a command line as their
 * values (workflows.md 5.4). */
#include <inttypes.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "base/file.h"
#include "workflow/workflow_internal.h"

#define ARGUMENT_FILE_MAX ((size_t)16 * 1024 * 1024)

/* ---- definitions ---- */

void workflow_finish_args(struct workflow_loader *loader) {
	struct workflow *workflow = loader->workflow;
	for (size_t i = 0; i < workflow->args.len; i++) {
		struct workflow_arg *arg = &workflow->args.items[i];
		const struct json *value = arg->default_value;
		if (!workflow_is_name(arg->name)) {
			workflow_problem(workflow, loader->problems, false, &arg->place,
				"`%.*s` cannot be the name of an argument: letters, digits, `_` "
				"and "
				"`-`, no digit first",
				SLICE_FMT(arg->name));
		}
		if (!value) {
			continue;
		}
		struct option_text *text = &arg->default_text.source;
		text->place = (struct option_place){arg->place.file, value->line, value->column};
		if (value->type == JSON_STRING) {
			text->text = json_string(value, &workflow->arena);
			text->node = value;
		} else if (value->type == JSON_NUMBER || json_is_bool(value)) {
			text->text = json_raw(value);
		} else {
			workflow_problem(workflow, loader->problems, false, &text->place,
				"the default of `%.*s` must be a text, a number, true or false",
				SLICE_FMT(arg->name));
		}
		if (arg->is_required && text->text.data) {
			workflow_problem(workflow, loader->problems, true, &text->place,
				"`%.*s` is required, so that its default never counts",
				SLICE_FMT(arg->name));
		}
		workflow_parse_template(loader, TEMPLATE_USE_TEXT, &arg->default_text);
	}
}

/* ---- words ---- */

struct word_list {
	struct slice *items;
	size_t len, cap;
};

struct binder {
	const struct workflow *workflow;
	const char *dir; /* what files are relative to; NULL: where we are */
	struct arena *arena;
	struct buf *warnings;
	struct word_list *given; /* per declared argument: its texts, in order */
	struct word_list positionals;
	struct value_map *values; /* of what is not declared, then all */
	struct buf faults;        /* one line each */
	struct {
		struct slice *items;
		size_t len, cap;
	} secrets;
};

__attribute__((format(printf, 2, 3))) static void fault(
	struct binder *binder, const char *format, ...) {
	va_list args;
	va_start(args, format);
	struct slice text = arena_vprintf(binder->arena, format, args);
	va_end(args);
	buf_printf(&binder->faults, "%s%.*s", binder->faults.len ? "\n" : "", SLICE_FMT(text));
}

/* `-` and `_` are equal in names on a command line. */
static bool name_eq(struct slice a, struct slice b) {
	bool is_equal = a.len == b.len;
	for (size_t i = 0; i < a.len && is_equal; i++) {
		char x = a.data[i] == '-' ? '_' : a.data[i];
		char y = b.data[i] == '-' ? '_' : b.data[i];
		is_equal = x == y;
	}
	return is_equal;
}

/* The number of the declared argument; SIZE_MAX. */
static size_t find_arg(const struct workflow *workflow, struct slice name) {
	for (size_t i = 0; i < workflow->args.len; i++) {
		if (name_eq(workflow->args.items[i].name, name)) {
			return i;
		}
	}
	return SIZE_MAX;
}

static struct slice nearest_arg(const struct workflow *workflow, struct slice name) {
	struct nearest nearest = nearest_begin(name);
	for (size_t i = 0; i < workflow->args.len; i++) {
		nearest_offer(&nearest, workflow->args.items[i].name);
	}
	return nearest.found;
}

static void take_undeclared(struct binder *binder, struct slice name, struct slice value) {
	value_map_put(binder->arena, binder->values, value_string(arena_dup(binder->arena, name)),
		value_string(value));
	if (!binder->warnings || binder->workflow->args.len == 0) {
		return;
	}
	struct slice near = nearest_arg(binder->workflow, name);
	buf_printf(binder->warnings, "the workflow declares no argument `%.*s`", SLICE_FMT(name));
	if (near.data) {
		buf_printf(binder->warnings, ": did you mean `%.*s`?", SLICE_FMT(near));
	}
	buf_append_byte(binder->warnings, '\n');
}

static void give(struct binder *binder, size_t arg, struct slice value) {
	*ARENA_PUSH(binder->arena, &binder->given[arg]) = value;
}

/* `--name value`, `--name=value`, `--flag`. Returns how many words it took. */
static size_t take_option(struct binder *binder, char *const *words, size_t count, size_t at) {
	struct slice word = slice_from(slice_of(words[at]), 2);
	size_t equals = slice_find_byte(word, '=');
	struct slice name = slice_sub(word, 0, equals);
	size_t arg = find_arg(binder->workflow, name);
	if (arg == SIZE_MAX) {
		struct slice near = nearest_arg(binder->workflow, name);
		if (near.data) {
			fault(binder, "unknown option `--%.*s`: did you mean `--%.*s`?",
				SLICE_FMT(name), SLICE_FMT(near));
		} else {
			fault(binder,
				"unknown option `--%.*s` (write NAME=VALUE for an argument that "
				"the "
				"workflow does not declare)",
				SLICE_FMT(name));
		}
		return 1;
	}
	if (equals != SIZE_MAX) {
		give(binder, arg, slice_from(word, equals + 1));
		return 1;
	}
	if (binder->workflow->args.items[arg].type == WORKFLOW_ARG_BOOL) {
		give(binder, arg, SLICE("true"));
		return 1;
	}
	if (at + 1 == count) {
		fault(binder, "`--%.*s` needs a value", SLICE_FMT(name));
		return 1;
	}
	give(binder, arg, slice_of(words[at + 1]));
	return 2;
}

static void take_words(struct binder *binder, char *const *words, size_t count) {
	bool is_literal = false;
	for (size_t i = 0; i < count;) {
		struct slice word = slice_of(words[i]);
		size_t equals = slice_find_byte(word, '=');
		if (!is_literal && slice_is(word, "--")) {
			is_literal = true;
			i++;
		} else if (!is_literal && slice_starts_with(word, SLICE("--"))) {
			i += take_option(binder, words, count, i);
		} else if (!is_literal && equals != SIZE_MAX &&
			   workflow_is_name(slice_sub(word, 0, equals))) {
			struct slice name = slice_sub(word, 0, equals);
			struct slice value = slice_from(word, equals + 1);
			size_t arg = find_arg(binder->workflow, name);
			if (arg == SIZE_MAX) {
				take_undeclared(binder, name, value);
			} else {
				give(binder, arg, value);
			}
			i++;
		} else {
			*ARENA_PUSH(binder->arena, &binder->positionals) = word;
			i++;
		}
	}
}

static bool is_directory(struct slice word, struct arena *arena) {
	struct stat info;
	return stat(arena_strdup(arena, word), &info) == 0 && S_ISDIR(info.st_mode);
}

/* Positionals fill the declared arguments that were not given by name, in order of declaration. A
 * list that stands last takes all that is left. */
static void place_positionals(struct binder *binder, struct workflow_arguments *arguments) {
	const struct workflow *workflow = binder->workflow;
	struct word_list *words = &binder->positionals;
	size_t next = 0, open = 0;
	for (size_t i = 0; i < workflow->args.len; i++) {
		open += binder->given[i].len == 0;
	}
	bool is_last_list =
		workflow->args.len > 0 &&
		workflow->args.items[workflow->args.len - 1].type == WORKFLOW_ARG_LIST &&
		binder->given[workflow->args.len - 1].len == 0;
	if (words->len > open && !is_last_list &&
		is_directory(words->items[words->len - 1], binder->arena)) {
		arguments->directory = arena_strdup(binder->arena, words->items[words->len - 1]);
		words->len--;
	}
	for (size_t i = 0; i < words->len; i++) {
		value_map_put(binder->arena, binder->values,
			value_string(arena_printf(binder->arena, "arg%zu", i)),
			value_string(words->items[i]));
	}
	for (size_t i = 0; i < workflow->args.len && next < words->len; i++) {
		bool takes_rest = is_last_list && i + 1 == workflow->args.len;
		if (binder->given[i].len > 0) {
			continue;
		}
		do {
			give(binder, i, words->items[next++]);
		} while (takes_rest && next < words->len);
	}
	if (next < words->len && workflow->args.len > 0 && binder->warnings) {
		buf_printf(binder->warnings,
			"the workflow declares no argument for `%.*s`: it is args.arg%zu\n",
			SLICE_FMT(words->items[next]), next);
	}
}

/* ---- values ---- */

static bool is_choice(const struct workflow_arg *arg, struct slice text) {
	for (size_t i = 0; i < arg->choices.len; i++) {
		if (slice_eq(arg->choices.items[i], text)) {
			return true;
		}
	}
	return arg->choices.len == 0;
}

/* A value as messages show it. */
static struct slice shown(const struct workflow_arg *arg, struct slice text) {
	return arg->is_secret ? SLICE("***") : text;
}

static void refuse_choice(
	struct binder *binder, const struct workflow_arg *arg, struct slice text) {
	struct nearest nearest = nearest_begin(text);
	struct slice all = {0};
	for (size_t i = 0; i < arg->choices.len; i++) {
		struct slice choice = arg->choices.items[i];
		nearest_offer(&nearest, choice);
		all = arena_printf(binder->arena, "%.*s%s%.*s", SLICE_FMT(all), i ? ", " : "",
			SLICE_FMT(choice));
	}
	struct slice hint = {0};
	if (nearest.found.data) {
		hint = arena_printf(
			binder->arena, ": did you mean `%.*s`?", SLICE_FMT(nearest.found));
	}
	fault(binder, "`%.*s` must be one of %.*s, not `%.*s`%.*s", SLICE_FMT(arg->name),
		SLICE_FMT(all), SLICE_FMT(shown(arg, text)), SLICE_FMT(hint));
}

/* A file's path, checked; `@path`: its content. */
static bool file_value(struct binder *binder, const struct workflow_arg *arg, struct slice text,
	struct value *out) {
	bool wants_content = slice_starts_with(text, SLICE("@"));
	const char *path = arena_strdup(binder->arena, wants_content ? slice_from(text, 1) : text);
	if (binder->dir && path[0] != '/') {
		path = file_join(binder->arena, binder->dir, path);
	}
	*out = value_string(arena_dup(binder->arena, text));
	if (!wants_content) {
		if (!file_exists(path)) {
			fault(binder, "`%.*s`: there is no file `%s`", SLICE_FMT(arg->name), path);
			return false;
		}
		return true;
	}
	struct buf bytes;
	struct error error = {0};
	buf_init(&bytes, ARGUMENT_FILE_MAX);
	bool is_read = file_read(path, ARGUMENT_FILE_MAX, &bytes, &error);
	if (is_read && !utf8_valid(buf_slice(&bytes), NULL)) {
		error_set(&error, ERROR_INVALID_REQUEST, "%s is no UTF-8 text", path);
		is_read = false;
	}
	if (is_read) {
		*out = value_string(arena_dup(binder->arena, buf_slice(&bytes)));
	} else {
		fault(binder, "`%.*s`: %s", SLICE_FMT(arg->name), error.message);
	}
	buf_finish(&bytes);
	return is_read;
}

static bool scalar_value(struct binder *binder, const struct workflow_arg *arg, struct slice text,
	struct value *out) {
	int64_t number;
	static const struct {
		const char *word;
		bool is_true;
	} words[] = {{"true", true}, {"yes", true}, {"on", true}, {"1", true}, {"false", false},
		{"no", false}, {"off", false}, {"0", false}};
	switch ((enum workflow_arg_type)arg->type) {
	case WORKFLOW_ARG_INT:
		if (slice_to_int64(slice_trim(text), &number)) {
			*out = value_int(number);
			return true;
		}
		fault(binder, "`%.*s` must be a whole number, not `%.*s`", SLICE_FMT(arg->name),
			SLICE_FMT(shown(arg, text)));
		return false;
	case WORKFLOW_ARG_BOOL:
		for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
			if (slice_ieq(slice_trim(text), slice_of(words[i].word))) {
				*out = value_bool(words[i].is_true);
				return true;
			}
		}
		fault(binder, "`%.*s` must be true or false, not `%.*s`", SLICE_FMT(arg->name),
			SLICE_FMT(shown(arg, text)));
		return false;
	case WORKFLOW_ARG_FILE:
		return file_value(binder, arg, text, out);
	case WORKFLOW_ARG_STRING:
	case WORKFLOW_ARG_LIST:
		break;
	}
	*out = value_string(arena_dup(binder->arena, text));
	return true;
}

static bool list_value(struct binder *binder, const struct workflow_arg *arg,
	const struct word_list *texts, struct value *out) {
	struct value_list *list = value_list_new(binder->arena);
	bool is_good = true;
	for (size_t i = 0; i < texts->len; i++) {
		struct slice rest = texts->items[i], part;
		while (slice_split(&rest, ',', &part)) {
			part = slice_trim(part);
			if (part.len == 0) {
				continue;
			}
			if (!is_choice(arg, part)) {
				refuse_choice(binder, arg, part);
				is_good = false;
			}
			value_list_push(
				binder->arena, list, value_string(arena_dup(binder->arena, part)));
		}
	}
	*out = value_of_list(list);
	return is_good;
}

static void keep_secret(struct binder *binder, struct value value) {
	if (value.type == VALUE_LIST) {
		for (size_t i = 0; i < value.list->len; i++) {
			keep_secret(binder, value.list->items[i]);
		}
		return;
	}
	*ARENA_PUSH(binder->arena, &binder->secrets) = value_text(value, binder->arena);
}

static void put_texts(
	struct binder *binder, const struct workflow_arg *arg, const struct word_list *texts) {
	struct value value;
	bool is_good;
	if (arg->type == WORKFLOW_ARG_LIST) {
		is_good = list_value(binder, arg, texts, &value);
	} else {
		struct slice text = texts->items[texts->len - 1]; /* the last one wins */
		is_good = is_choice(arg, text);
		if (!is_good) {
			refuse_choice(binder, arg, text);
		}
		is_good = is_good && scalar_value(binder, arg, text, &value);
	}
	if (!is_good) {
		return;
	}
	value_map_put(binder->arena, binder->values, value_string(arg->name), value);
	if (arg->is_secret) {
		keep_secret(binder, value);
	}
}

/* What an argument is that was not given and has no default: empty, so that `{% if args.x %}` can
 * ask for it. */
static struct value absent_value(struct binder *binder, const struct workflow_arg *arg) {
	switch ((enum workflow_arg_type)arg->type) {
	case WORKFLOW_ARG_INT:
		return value_none();
	case WORKFLOW_ARG_BOOL:
		return value_bool(false);
	case WORKFLOW_ARG_LIST:
		return value_of_list(value_list_new(binder->arena));
	case WORKFLOW_ARG_STRING:
	case WORKFLOW_ARG_FILE:
		break;
	}
	return value_string(SLICE(""));
}

static void put_default(struct binder *binder, const struct workflow_arg *arg) {
	if (!arg->default_text.template) {
		value_map_put(binder->arena, binder->values, value_string(arg->name),
			absent_value(binder, arg));
		return;
	}
	struct value_map *globals = value_map_new(binder->arena);
	value_map_put_named(binder->arena, globals, "args", value_of_map(binder->values));
	struct template_error failure = {0};
	struct buf text;
	buf_init(&text, 0);
	if (template_render(arg->default_text.template, value_of_map(globals), binder->arena, &text,
		    &failure)) {
		struct word_list one = {0};
		*ARENA_PUSH(binder->arena, &one) = arena_dup(binder->arena, buf_slice(&text));
		put_texts(binder, arg, &one);
	} else {
		uint32_t line, column;
		workflow_position(
			binder->workflow, &arg->default_text, &failure.place, &line, &column);
		fault(binder, "default of `%.*s` (%s:%u:%u): %s", SLICE_FMT(arg->name),
			arg->default_text.source.place.file, line, column, failure.message);
	}
	buf_finish(&text);
}

static struct slice usage_line(struct binder *binder) {
	const struct workflow *workflow = binder->workflow;
	/* as it was named: by its path, or by its name */
	bool is_path = workflow->origin && strcmp(workflow->origin, "path") == 0;
	struct slice text = arena_printf(binder->arena, "usage: llm-mux run %.*s",
		SLICE_FMT(is_path ? slice_of(workflow->path) : workflow->name));
	for (size_t i = 0; i < workflow->args.len; i++) {
		const struct workflow_arg *arg = &workflow->args.items[i];
		struct slice shown =
			arg->type == WORKFLOW_ARG_BOOL
				? arena_printf(binder->arena, "--%.*s", SLICE_FMT(arg->name))
				: arena_printf(binder->arena, "%.*s=...", SLICE_FMT(arg->name));
		text = arena_printf(binder->arena, "%.*s %s%.*s%s", SLICE_FMT(text),
			arg->is_required ? "" : "[", SLICE_FMT(shown), arg->is_required ? "" : "]");
	}
	return text;
}

/* All faults and the usage; where an error has no room for them, among the warnings. */
static void refuse(struct binder *binder, struct error *error) {
	struct slice usage = usage_line(binder), faults = buf_slice(&binder->faults);
	if (!binder->warnings || faults.len + usage.len + 1 < ERROR_MESSAGE_MAX) {
		error_set(error, ERROR_INVALID_REQUEST, "%.*s\n%.*s", SLICE_FMT(faults),
			SLICE_FMT(usage));
		return;
	}
	buf_printf(binder->warnings, "%.*s\n%.*s\n", SLICE_FMT(faults), SLICE_FMT(usage));
	error_set(error, ERROR_INVALID_REQUEST,
		"arguments of the workflow `%.*s` are missing or wrong",
		SLICE_FMT(binder->workflow->name));
}

bool workflow_bind(const struct workflow *workflow, const char *dir, char *const *words,
	size_t count, struct arena *arena, struct workflow_arguments *arguments,
	struct buf *warnings, struct error *error) {
	struct binder binder = {
		.workflow = workflow, .dir = dir, .arena = arena, .warnings = warnings};
	*arguments = (struct workflow_arguments){0};
	binder.given = ARENA_ARRAY(arena, struct word_list, workflow->args.len + 1);
	binder.values = value_map_new(arena);
	buf_init(&binder.faults, 0);
	take_words(&binder, words, count);
	place_positionals(&binder, arguments);
	for (size_t i = 0; i < workflow->args.len; i++) {
		const struct workflow_arg *arg = &workflow->args.items[i];
		if (binder.given[i].len > 0) {
			put_texts(&binder, arg, &binder.given[i]);
		} else if (arg->is_required) {
			fault(&binder, "missing argument `%.*s`%s%.*s", SLICE_FMT(arg->name),
				arg->description.len ? ": " : "", SLICE_FMT(arg->description));
		} else {
			put_default(&binder, arg);
		}
	}
	bool is_good = binder.faults.len == 0;
	if (!is_good) {
		refuse(&binder, error);
	}
	buf_finish(&binder.faults);
	arguments->values = value_of_map(binder.values);
	arguments->secrets = binder.secrets.items;
	arguments->secret_count = binder.secrets.len;
	return is_good;
}
