/* template.c: fuzz target of the template engine: any text, as a template, as an expression, as a
 * shell command's template, ends within its limits in a text or an error with a place in the text.
 * The first byte chooses the options; a NUL cuts off a template that can be included. */
#include <stdlib.h>

#include "base/encoding.h"
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool load(void *data, struct arena *arena, struct slice name, struct slice *text,
	struct error *error) {
	const struct slice *other = data;
	(void)arena;
	(void)error;
	*text = *other;
	return slice_is(name, "other");
}

static void check_mention(void *data, const struct template_mention *mention) {
	const struct slice *text = data;
	if (mention->count == 0 || mention->count > TEMPLATE_MENTION_MAX ||
		mention->place.offset > text->len || mention->offsets[0] > text->len) {
		abort();
	}
}

static void check_error(const struct template_error *error) {
	struct buf out;
	struct error plain;
	if (!error->message || error->place.line == 0 || error->place.column == 0 ||
		error->place.offset > error->place.text.len) {
		abort();
	}
	buf_init(&out, 0);
	template_error_print(error, true, &out);
	template_error_to_error(error, &plain);
	if (out.len == 0 || plain.kind != ERROR_TEMPLATE) {
		abort();
	}
	buf_finish(&out);
}

static struct value context(struct arena *arena) {
	static const char text[] =
		"{\"a\":1,\"b\":2.5,\"s\":\"h\xc3\xa9llo 'x' $y\",\"n\":null,\"t\":true,"
		"\"l\":[1,\"two\",[3]],\"m\":{\"k\":\"v\",\"x\":{\"y\":[{\"z\":1}]}}}";
	struct error error;
	const struct json *json = json_parse(arena, SLICE(text), NULL, &error);
	return value_from_json(arena, json);
}

static void run(const struct template_environment *environment,
	const struct template_options *options, bool is_expression, struct slice text) {
	struct arena arena;
	struct template_error error = {0};
	arena_init(&arena, NULL, (size_t)8 * 1024 * 1024);
	struct template *template =
		is_expression
			? template_parse_expression(&arena, environment, options, text, &error)
			: template_parse(&arena, environment, options, text, &error);
	if (!template) {
		check_error(&error);
		arena_finish(&arena);
		return;
	}
	struct value globals = context(&arena);
	struct buf out;
	template_visit(template, check_mention, &text);
	buf_init(&out, 0);
	if (!template_render(template, globals, &arena, &out, &error)) {
		check_error(&error);
	} else if (options->escape != TEMPLATE_ESCAPE_SHELL && !utf8_valid(buf_slice(&out), NULL)) {
		/* (In a command, the author's $'\377' is any byte.) */
		abort();
	}
	if (is_expression) {
		struct value value;
		(void)template_evaluate(template, globals, &arena, &value, &error);
	}
	buf_finish(&out);
	arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1) {
		return 0;
	}
	struct slice text = slice_make((const char *)data + 1, size - 1);
	struct slice other = {"", 0};
	size_t cut = slice_find_byte(text, '\0');
	if (cut != SIZE_MAX) {
		other = slice_from(text, cut + 1);
		text.len = cut;
	}
	struct template_environment environment = {.load = load,
		.load_data = &other,
		.max_steps = 20000,
		.max_output = 65536,
		.max_recursion = 20};
	struct template_options options = {.name = "fuzz",
		.undefined = data[0] & 1 ? TEMPLATE_STRICT : TEMPLATE_LENIENT,
		.escape = data[0] & 2   ? TEMPLATE_ESCAPE_SHELL
			  : data[0] & 4 ? TEMPLATE_ESCAPE_HTML
					: TEMPLATE_ESCAPE_NONE,
		.trims_blocks = data[0] & 8,
		.strips_blocks = data[0] & 16,
		.keeps_trailing_newline = data[0] & 32};
	run(&environment, &options, data[0] & 64, text);
	return 0;
}
