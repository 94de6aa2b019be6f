/* template_help.h: rendering in tests: templates by name, a context of JSON, everything in one
 * arena. */
#ifndef LLMMUX_TESTS_TEMPLATE_HELP_H
#define LLMMUX_TESTS_TEMPLATE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "template/template.h"

#define HELP_MAX_FILES 32

struct help_file {
	struct slice name, text;
};

/* What a render of a test has, and what came of it. */
struct help_render {
	struct arena arena; /* given, or of help_init */
	struct template_environment environment;
	struct template_options options;
	struct help_file files[HELP_MAX_FILES]; /* that can be included */
	size_t file_count;
	struct value globals;
	bool is_expression;
	/* afterwards */
	bool is_ok;
	struct buf out;
	struct template_error error;
};

void help_init(struct help_render *render, const char *context);
void help_add_file(struct help_render *render, struct slice name, struct slice text);
void help_run(struct help_render *render, struct slice text);
/* What was printed, or the error as `KIND line:column: message`. In the arena. */
struct slice help_result(struct help_render *render);
void help_finish(struct help_render *render);

/* All at once: the template over the context gives the text (or the error, as help_result). */
void help_expect(const char *context, const char *template, const char *wanted);
void help_expect_strict(const char *context, const char *template, const char *wanted);

#endif
