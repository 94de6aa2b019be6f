/* template_help.c: rendering in tests. */
#include "template/template_help.h"

#include <stdio.h>
#include <stdlib.h>

static bool load_file(void *data, struct arena *arena, struct slice name, struct slice *text,
	struct error *error) {
	const struct help_render *render = data;
	(void)arena;
	for (size_t i = 0; i < render->file_count; i++) {
		if (slice_eq(render->files[i].name, name)) {
			*text = render->files[i].text;
			return true;
		}
	}
	if (slice_is(name, "forbidden")) {
		return error_set(error, ERROR_PERMISSION, "it lies outside of the project");
	}
	return false;
}

void help_init(struct help_render *render, const char *context) {
	struct error error = {0};
	memset(render, 0, sizeof *render);
	arena_init(&render->arena, NULL, 0);
	const struct json *json =
		json_parse(&render->arena, slice_of(context ? context : "{}"), NULL, &error);
	if (!json) {
		fail_msg("the test's context: %s", error.message);
	}
	render->globals = value_from_json(&render->arena, json);
	render->environment.load = load_file;
	render->environment.load_data = render;
	render->options.name = "case";
	buf_init(&render->out, 0);
}

void help_add_file(struct help_render *render, struct slice name, struct slice text) {
	assert_true(render->file_count < HELP_MAX_FILES);
	render->files[render->file_count++] = (struct help_file){name, text};
}

void help_run(struct help_render *render, struct slice text) {
	struct template *template =
		render->is_expression
			? template_parse_expression(&render->arena, &render->environment,
				  &render->options, text, &render->error)
			: template_parse(&render->arena, &render->environment, &render->options,
				  text, &render->error);
	buf_reset(&render->out, SIZE_MAX);
	render->is_ok = template && template_render(template, render->globals, &render->arena,
					    &render->out, &render->error);
}

struct slice help_result(struct help_render *render) {
	if (render->is_ok) {
		return buf_slice(&render->out);
	}
	return arena_printf(&render->arena, "%s %u:%u: %s",
		template_error_kind_name(render->error.kind), render->error.place.line,
		render->error.place.column, render->error.message);
}

void help_finish(struct help_render *render) {
	buf_finish(&render->out);
	arena_finish(&render->arena);
}

static void expect(const char *context, enum template_undefined undefined, const char *template,
	const char *wanted) {
	struct help_render render;
	help_init(&render, context);
	render.options.undefined = undefined;
	help_run(&render, slice_of(template));
	struct slice got = help_result(&render);
	if (!slice_is(got, wanted)) {
		fail_msg("%s\n  got    %.*s\n  wanted %s", template, SLICE_FMT(got), wanted);
	}
	help_finish(&render);
}

void help_expect(const char *context, const char *template, const char *wanted) {
	expect(context, TEMPLATE_LENIENT, template, wanted);
}

void help_expect_strict(const char *context, const char *template, const char *wanted) {
	expect(context, TEMPLATE_STRICT, template, wanted);
}
