/* template.c: bench-template: how fast templates of 100 KB of output render on one core, and parse.
 * Prints one JSON object: MB of output a CPU second for a prompt (long text with values between), a
 * list (one line an item, a loop with a condition) and a command (the same, quoted for a shell);
 * and MB a second of parsing the prompt. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "template/template.h"

#define OUTPUT_BYTES ((size_t)100 * 1000)
#define LEAST_SECONDS 0.3

struct subject {
	const char *name;
	const char *context;
	const char *line; /* repeated until the output is long enough */
	const char *before, *after;
	enum template_escape escape;
};

static const struct subject subjects[] = {
	{"prompt",
		"{\"steps\":{\"read\":{\"output\":\"some text that a step gave, a line or two of "
		"it\"}},\"args\":{\"focus\":\"errors\"}}",
		"You are reviewing a change. Look for {{ args.focus }} in what follows and say "
		"what you find, in the order of the text, one finding a line.\n"
		"{{ steps.read.output }}\n\n",
		"", "", TEMPLATE_ESCAPE_NONE},
	{"list", NULL, NULL,
		"{% for item in items %}{% if not loop.first %}, {% endif %}{{ loop.index }}. "
		"{{ item.name }}: {{ item.size }} bytes, {{ item.kind }}\n{% endfor %}",
		"", TEMPLATE_ESCAPE_NONE},
	{"command", NULL, NULL,
		"for f in{% for item in items %} {{ item.name }} \"{{ item.kind }} of {{ item.size "
		"}}"
		"\"{% endfor %}; do echo \"$f\"; done",
		"", TEMPLATE_ESCAPE_SHELL},
};

static double cpu_seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 2,500 items of about 40 bytes a line. */
static struct slice items_json(struct arena *arena) {
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, "{\"items\":[");
	for (int i = 0; i < 2500; i++) {
		buf_printf(&text, "%s{\"name\":\"src/file-%d.c\",\"size\":%d,\"kind\":\"source\"}",
			i > 0 ? "," : "", i, i * 7);
	}
	buf_append_str(&text, "]}");
	struct slice copy = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return copy;
}

static struct slice template_text(struct arena *arena, const struct subject *subject) {
	struct buf text;
	buf_init(&text, 0);
	buf_append_str(&text, subject->before);
	while (subject->line && text.len < OUTPUT_BYTES) {
		buf_append_str(&text, subject->line);
	}
	buf_append_str(&text, subject->after);
	struct slice copy = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return copy;
}

static _Noreturn void give_up(const struct template_error *error) {
	fprintf(stderr, "bench-template: %s\n", error->message);
	exit(1);
}

/* MB of output a CPU second, an arena and a buffer for each render as a run has them. */
static double render_speed(const struct template *template, struct value globals) {
	struct arena_pool pool;
	size_t bytes = 0;
	double begun = cpu_seconds();
	double spent = 0;
	arena_pool_init(&pool, 2);
	while (spent < LEAST_SECONDS) {
		struct arena arena;
		struct buf out;
		struct template_error error;
		arena_init(&arena, &pool, 0);
		buf_init(&out, 0);
		if (!template_render(template, globals, &arena, &out, &error)) {
			give_up(&error);
		}
		bytes += out.len;
		buf_finish(&out);
		arena_finish(&arena);
		spent = cpu_seconds() - begun;
	}
	arena_pool_finish(&pool);
	return (double)bytes / 1e6 / spent;
}

static double parse_speed(const struct template_options *options, struct slice text) {
	size_t bytes = 0;
	double begun = cpu_seconds();
	double spent = 0;
	while (spent < LEAST_SECONDS) {
		struct arena arena;
		struct template_error error;
		arena_init(&arena, NULL, 0);
		if (!template_parse(&arena, NULL, options, text, &error)) {
			give_up(&error);
		}
		bytes += text.len;
		arena_finish(&arena);
		spent = cpu_seconds() - begun;
	}
	return (double)bytes / 1e6 / spent;
}

int main(void) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		const struct subject *subject = &subjects[i];
		struct error error;
		struct template_error problem;
		struct template_options options = {
			.name = "bench", .undefined = TEMPLATE_STRICT, .escape = subject->escape};
		struct slice context =
			subject->context ? slice_of(subject->context) : items_json(&arena);
		const struct json *json = json_parse(&arena, context, NULL, &error);
		struct slice text = template_text(&arena, subject);
		struct template *template = template_parse(&arena, NULL, &options, text, &problem);
		if (!template || !json) {
			give_up(&problem);
		}
		printf("%s\"%s\":%.1f", i > 0 ? "," : "{", subject->name,
			render_speed(template, value_from_json(&arena, json)));
		if (i == 0) {
			printf(",\"parse\":%.1f", parse_speed(&options, text));
		}
	}
	printf("}\n");
	arena_finish(&arena);
	return 0;
}
