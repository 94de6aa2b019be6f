/* pending.c: empty lists of built-ins, for as long as the real ones are not there. */
#include "template/template_internal.h"

#define PENDING __attribute__((weak))

PENDING const struct template_builtin template_filters[] = {{NULL, NULL}};
PENDING const struct template_builtin template_tests[] = {{NULL, NULL}};
PENDING const struct template_builtin template_functions[] = {{NULL, NULL}};

PENDING bool template_call_method(struct template_run *run, struct value value, struct slice name,
	const struct value_arguments *arguments, struct value *out) {
	(void)arguments;
	(void)out;
	return template_fail(run, TEMPLATE_ERROR_UNKNOWN_METHOD, "%s has no method `%.*s`",
		value_kind_name(value), SLICE_FMT(slice_sub(name, 0, 80)));
}
