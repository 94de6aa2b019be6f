/* render.c: the command `render`: fills a template of a file as workflows do (workflows.md 6). */
#include <limits.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/command.h"
#include "data/json.h"
#include "template/template.h"

#define RENDER_TEMPLATE_MAX ((size_t)16 * 1024 * 1024)
#define RENDER_CONTEXT_MAX ((size_t)64 * 1024 * 1024)
#define RENDER_LINES_MAX ((size_t)1024 * 1024 * 1024)
#define RENDER_ARENA_MAX ((size_t)512 * 1024 * 1024)

struct rendering {
	struct command_context *context;
	struct template_environment environment;
	struct template_options options;
	char directory[PATH_MAX]; /* resolved; includes stay within */
};

/* ---- includes ---- */

static bool load(void *data, struct arena *arena, struct slice name, struct slice *text,
	struct error *error) {
	struct rendering *rendering = data;
	char resolved[PATH_MAX];
	error_set(error, ERROR_NONE, "%s", "");
	if (name.len == 0 || slice_find_byte(name, '\0') != SIZE_MAX) {
		return false;
	}
	const char *path = file_join(arena, rendering->directory, arena_strdup(arena, name));
	if (!realpath(path, resolved)) {
		return false;
	}
	if (name.data[0] == '/' || !file_lies_within(resolved, rendering->directory)) {
		return error_set(error, ERROR_PERMISSION,
			"it lies outside of the template's directory %s", rendering->directory);
	}
	struct buf file;
	buf_init(&file, RENDER_TEMPLATE_MAX);
	bool is_read = file_read_regular(resolved, RENDER_TEMPLATE_MAX, &file, error);
	char *copy = is_read ? arena_try_alloc(arena, file.len + 1) : NULL;
	if (copy) {
		memcpy(copy, file.data ? file.data : "", file.len);
		*text = slice_make(copy, file.len);
	} else if (is_read) {
		error_set(error, ERROR_TOO_LARGE, "it is too large");
	}
	buf_finish(&file);
	return copy != NULL;
}

/* The directory of includes: what was asked for, else the template's own. False after a message. */
static bool choose_directory(struct rendering *rendering, const char *path) {
	const char *asked = command_value(rendering->context, "template-dir");
	char own[PATH_MAX] = ".";
	const char *slash = path && strcmp(path, "-") != 0 ? strrchr(path, '/') : NULL;
	if (slash) {
		snprintf(own, sizeof own, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	}
	if (!realpath(asked ? asked : own, rendering->directory)) {
		command_fail(rendering->context, COMMAND_USAGE,
			"the template directory %s cannot be read", asked ? asked : own);
		return false;
	}
	return true;
}

/* ---- one template ---- */

/* The value of a JSON object; false after a message. */
static bool read_context(struct rendering *rendering, struct arena *arena, struct value *out) {
	const char *path = command_value(rendering->context, "context");
	struct error error;
	if (!path) {
		*out = value_of_map(value_map_new(arena));
		return true;
	}
	struct slice text;
	bool is_read = file_load(path, RENDER_CONTEXT_MAX, arena, &text, &error);
	struct json *json = is_read ? json_parse(arena, text, NULL, &error) : NULL;
	if (!json) {
		command_fail(rendering->context, COMMAND_USAGE, "%s%s%s", is_read ? path : "",
			is_read ? ": " : "", error.message);
		return false;
	}
	if (json->type != JSON_OBJECT) {
		command_fail(rendering->context, COMMAND_USAGE,
			"%s: the context must be an object of names, not %s", path,
			json_type_name(json));
		return false;
	}
	*out = value_from_json(arena, json);
	return true;
}

static int render_file(
	struct rendering *rendering, struct slice text, struct value globals, struct arena *arena) {
	struct command_context *context = rendering->context;
	struct template_error error;
	struct buf out = {0};
	struct template *template =
		template_parse(arena, &rendering->environment, &rendering->options, text, &error);
	bool is_ok = template && template_render(template, globals, arena, &out, &error);
	if (is_ok) {
		fwrite(out.data ? out.data : "", 1, out.len, context->out);
		/* One line end at the end of a text, as files have it. */
		if (out.len > 0 && out.data[out.len - 1] != '\n') {
			fputc('\n', context->out);
		}
	} else {
		buf_reset(&out, 0);
		template_error_print(&error, command_has_colour(context, context->err), &out);
		fprintf(context->err, "%.*s", SLICE_FMT(buf_slice(&out)));
	}
	buf_finish(&out);
	return is_ok ? COMMAND_OK : COMMAND_FAILED;
}

/* ---- many templates: a JSON object a line ---- */

static void write_failure(struct json_writer *w, const struct template_error *error) {
	json_write_key(w, "error");
	json_begin_object(w);
	json_put_cstr(w, "kind", template_error_kind_name(error->kind));
	json_put_cstr(w, "message", error->message);
	if (error->hint) {
		json_put_cstr(w, "hint", error->hint);
	}
	json_put_int(w, "line", error->place.line);
	json_put_int(w, "column", error->place.column);
	json_end_object(w);
}

/* False after a message: the line is no {"template": text, "context": object}. */
static bool render_line(
	struct rendering *rendering, struct slice line, size_t number, bool *is_ok) {
	struct arena arena;
	struct error error;
	struct template_error failure;
	arena_init(&arena, NULL, RENDER_ARENA_MAX);
	struct json *json = json_parse(&arena, line, NULL, &error);
	const struct json *text = json ? json_get(json, "template") : NULL;
	const struct json *names = json ? json_get(json, "context") : NULL;
	if (!json_is(text, JSON_STRING) || (names && names->type != JSON_OBJECT)) {
		command_fail(rendering->context, COMMAND_USAGE,
			"line %zu: {\"template\": text, \"context\": object} is wanted%s%s", number,
			json ? "" : ": ", json ? "" : error.message);
		arena_finish(&arena);
		return false;
	}
	struct value globals =
		names ? value_from_json(&arena, names) : value_of_map(value_map_new(&arena));
	struct buf out = {0}, answer = {0};
	struct json_writer w;
	struct template *template = template_parse(&arena, &rendering->environment,
		&rendering->options, json_string(text, &arena), &failure);
	*is_ok = template && template_render(template, globals, &arena, &out, &failure);
	json_writer_init(&w, &answer, false);
	json_begin_object(&w);
	if (*is_ok) {
		json_put_string(&w, "output", buf_slice(&out));
	} else {
		write_failure(&w, &failure);
	}
	json_end_object(&w);
	fprintf(rendering->context->out, "%.*s\n", SLICE_FMT(buf_slice(&answer)));
	buf_finish(&out);
	buf_finish(&answer);
	arena_finish(&arena);
	return true;
}

static int render_lines(struct rendering *rendering, struct slice rest) {
	struct slice line;
	size_t number = 0;
	int code = COMMAND_OK;
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		bool is_ok = true;
		number++;
		if (slice_trim(line).len > 0 && !render_line(rendering, line, number, &is_ok)) {
			return COMMAND_USAGE;
		}
		code = is_ok ? code : COMMAND_FAILED;
	}
	return code;
}

/* ---- the command ---- */

static void choose_options(struct rendering *rendering, const char *path) {
	const struct command_context *context = rendering->context;
	bool is_html = slice_ends_with(slice_of(path), SLICE(".html"));
	rendering->environment =
		(struct template_environment){.load = load, .load_data = rendering};
	rendering->options = (struct template_options){
		.name = strcmp(path, "-") == 0 ? "<stdin>" : path,
		.undefined = command_has(context, "lenient") ? TEMPLATE_LENIENT : TEMPLATE_STRICT,
		.escape = command_has(context, "shell") ? TEMPLATE_ESCAPE_SHELL
			  : is_html                     ? TEMPLATE_ESCAPE_HTML
							: TEMPLATE_ESCAPE_NONE,
	};
}

static int render_run(struct command_context *context) {
	struct rendering rendering = {.context = context};
	const char *path = context->arguments[0];
	bool has_lines = command_has(context, "lines");
	struct error error;
	struct arena arena;
	struct value globals;
	struct buf text;
	if (has_lines && command_has(context, "context")) {
		return command_fail(context, COMMAND_USAGE,
			"--lines has a context in each line: leave --context out");
	}
	choose_options(&rendering, path);
	if (!choose_directory(&rendering, path)) {
		return COMMAND_USAGE;
	}
	size_t max = has_lines ? RENDER_LINES_MAX : RENDER_TEMPLATE_MAX;
	buf_init(&text, max);
	arena_init(&arena, NULL, RENDER_ARENA_MAX);
	int code = COMMAND_USAGE;
	if (!file_read(path, max, &text, &error)) {
		command_fail(context, COMMAND_USAGE, "%s", error.message);
	} else if (has_lines) {
		code = render_lines(&rendering, buf_slice(&text));
	} else if (read_context(&rendering, &arena, &globals)) {
		code = render_file(&rendering, buf_slice(&text), globals, &arena);
	}
	arena_finish(&arena);
	buf_finish(&text);
	return code;
}

static const struct command_option render_options[] = {
	{0, "context", "FILE", "the names it may use: a JSON object", NULL},
	{0, "template-dir", "DIR", "where included templates lie (beside TEMPLATE)", NULL},
	{0, "lenient", NULL, "print nothing for what is undefined", NULL},
	{0, "shell", NULL, "quote values for the shell, as the run of a step does", NULL},
	{0, "lines", NULL, "render lines of JSON: {\"template\", \"context\"}", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_render = {
	.name = "render",
	.summary = "fill a template",
	.usage = "TEMPLATE",
	.details =
		"Renders TEMPLATE, a file or - for standard input, as the prompts of workflows\n"
		"are rendered. What is undefined is an error unless --lenient is given. Values\n"
		"in files whose names end in .html are escaped. A wrong template is exit code 1,\n"
		"with its place in the file.",
	.options = render_options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = render_run,
};
