/* check_templates.c: the names that templates and expressions mention (workflows.md 6.2, 6.7, 8.2):
 * steps, arguments, filters, whatever stands in no scope. */
#include <ctype.h>

#include "workflow/workflow_internal.h"

/* ---- the scopes ---- */

/* What a top-level name needs to be there. */
enum scope {
	SCOPE_ALWAYS,
	SCOPE_STEP,  /* within a step, and in `output` */
	SCOPE_ITEM,  /* with for_each or matrix */
	SCOPE_RETRY, /* in verify_retry_prompt */
};

static const struct known_name {
	const char *name;
	enum scope scope;
	const char *const *fields; /* the only ones; NULL: any */
} known_names[] = {
	{"args", SCOPE_ALWAYS, NULL},
	{"env", SCOPE_ALWAYS, NULL},
	{"team", SCOPE_ALWAYS,
		(const char *const[]){
			"name", "description", "detect", "verify", "roles", "context", NULL}},
	{"ecosystem", SCOPE_ALWAYS,
		(const char *const[]){"name", "description", "knowledge", "projects",
			"current_project", "facts", "relationships", "entities", "findings", "runs",
			NULL}},
	{"workflow", SCOPE_ALWAYS,
		(const char *const[]){"name", "description", "dir", "run_id", NULL}},
	{"cwd", SCOPE_ALWAYS, NULL},
	{"now", SCOPE_ALWAYS, NULL},
	{"roles", SCOPE_ALWAYS, NULL},
	{"run_dir", SCOPE_ALWAYS, NULL},
	{"steps", SCOPE_STEP, NULL},
	{"groups", SCOPE_STEP, NULL},
	{"item", SCOPE_ITEM, NULL},
	{"index", SCOPE_ITEM, NULL},
	{"loop", SCOPE_ITEM, NULL},
	{"error", SCOPE_RETRY, NULL},
	{"source", SCOPE_RETRY, NULL},
	{"original", SCOPE_RETRY, NULL},
};

/* One template that is looked at. */
struct look {
	struct workflow_checker *checker;
	const struct workflow_step *step; /* NULL: of the workflow */
	const char *key;
	enum template_use use;
	const struct step_template *text;
	size_t declared_args; /* how many of the arguments it may use */
	bool has_steps;
	/* of the mention at hand */
	const struct template_mention *mention;
	const char *included_file;
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- telling ---- */

__attribute__((format(printf, 4, 5))) static void tell(
	struct look *look, bool is_warning, size_t offset, const char *format, ...) {
	struct workflow_checker *checker = look->checker;
	va_list args;
	va_start(args, format);
	struct slice message = arena_vprintf(checker->problems->arena, format, args);
	va_end(args);
	if (look->included_file) {
		message = arena_printf(checker->problems->arena, "%.*s (in %s:%u:%u)",
			SLICE_FMT(message), look->included_file, look->mention->place.line,
			look->mention->place.column);
	}
	workflow_template_problem(checker->workflow, checker->problems, is_warning, look->text,
		offset, "%s", message.data);
}

/* `steps.analyze.output`, `steps["my-step"].output` */
static struct slice path_text(const struct look *look, const struct template_mention *mention) {
	struct arena *arena = look->checker->problems->arena;
	struct slice path = mention->segments[0];
	for (size_t i = 1; i < mention->count; i++) {
		struct slice segment = mention->segments[i];
		bool is_plain =
			workflow_is_name(segment) && slice_find_byte(segment, '-') == SIZE_MAX;
		path = arena_printf(arena, "%.*s%s%.*s%s", SLICE_FMT(path), is_plain ? "." : "[\"",
			SLICE_FMT(segment), is_plain ? "" : "\"]");
	}
	return path;
}

/* Where segment i stands, in the template's own text. */
static size_t offset_of(
	const struct look *look, const struct template_mention *mention, size_t at, size_t i) {
	return look->included_file ? at : mention->offsets[i];
}

/* ---- steps, groups ---- */

/* `steps.my-step` is a subtraction: what follows the name in the text gives it away. */
static struct slice with_hyphens(const struct template_mention *mention) {
	struct slice text = mention->place.text;
	size_t begin = mention->offsets[1], end = begin;
	while (end < text.len && (isalnum((unsigned char)text.data[end]) || text.data[end] == '_' ||
					 text.data[end] == '-')) {
		end++;
	}
	return slice_sub(text, begin, end > begin ? end - begin : 0);
}

/* A field that no result has is looked for in its data, so that only what looks like a slip of the
 * pen is told. */
static const char *const step_fields[] = {"output", "outputs", "text", "failed", "error",
	"duration_ms", "backend", "backends", "failed_backends", "data", "skipped", "skip_reason",
	"status", "exit_code", "stdout", "stderr", "diff", "model", "usage", "cost", "attempts",
	"started_at", "finished_at", "prompt", "name", NULL};
static const char *const error_fields[] = {"kind", "message", "command", "exit_code", "http_status",
	"stdout", "stderr", "attempt", "max_attempts", "duration_ms", "backend", NULL};

static bool is_slip(struct slice word, struct slice meant) {
	return meant.data && slice_distance(word, meant, 3) <= (word.len > 4 ? 2 : 1);
}

static void check_result_field(struct look *look, const struct template_mention *mention, size_t at,
	const struct workflow_step *step) {
	bool is_error = mention->count >= 4 && slice_is(mention->segments[2], "error");
	size_t segment = is_error ? 3 : 2;
	if (mention->count <= segment) {
		return;
	}
	struct slice name = mention->segments[segment];
	struct nearest nearest = nearest_begin(name);
	const char *const *fields = is_error ? error_fields : step_fields;
	for (; *fields; fields++) {
		nearest_offer(&nearest, slice_of(*fields));
	}
	/* What the step promises to answer. */
	const struct json *properties = json_get(step->written.output_schema, "properties");
	json_each (property, is_error ? NULL : properties) {
		nearest_offer(&nearest, json_key(property, look->checker->problems->arena));
	}
	if (slice_eq(nearest.found, name) || !is_slip(name, nearest.found)) {
		return;
	}
	tell(look, true, offset_of(look, mention, at, segment), "`%.*s`: %s has no field `%.*s`%s",
		SLICE_FMT(path_text(look, mention)), is_error ? "an error" : "a result",
		SLICE_FMT(name), is_error ? "" : ", unless its data has it");
	workflow_suggest(look->checker, &nearest, "");
}

static void check_step_mention(
	struct look *look, const struct template_mention *mention, size_t at) {
	struct workflow_checker *checker = look->checker;
	const struct workflow *workflow = checker->workflow;
	if (mention->count < 2) {
		return;
	}
	struct slice name = mention->segments[1];
	const struct workflow_step *step = workflow_find_step_alias(workflow, name);
	if (step && step == look->step) {
		tell(look, false, at, "step `%.*s` asks for its own result: `%.*s`",
			SLICE_FMT(step->name), SLICE_FMT(path_text(look, mention)));
	} else if (!step) {
		tell(look, mention->is_guarded, offset_of(look, mention, at, 1),
			"`%.*s`: there is no step `%.*s`", SLICE_FMT(path_text(look, mention)),
			SLICE_FMT(name));
		struct slice meant = with_hyphens(mention);
		if (workflow_find_step(workflow, meant)) {
			problems_hint(checker->problems,
				"a `-` subtracts here: write steps[\"%.*s\"], or `_` for the `-`",
				SLICE_FMT(meant));
		} else if (workflow_may_suggest(checker)) {
			struct nearest nearest = nearest_begin(name);
			for (size_t i = 0; i < workflow->steps.len; i++) {
				nearest_offer(&nearest, workflow->steps.items[i].name);
			}
			workflow_suggest(checker, &nearest, "");
		}
	} else {
		if (mention->is_safe && look->use == TEMPLATE_USE_SHELL) {
			tell(look, true, at,
				"`%.*s` comes from a step and is put into the command without "
				"quotes (`safe`): its text can become shell code",
				SLICE_FMT(path_text(look, mention)));
		}
		check_result_field(look, mention, at, step);
	}
}

static void check_group_mention(
	struct look *look, const struct template_mention *mention, size_t at) {
	struct workflow_checker *checker = look->checker;
	const struct workflow *workflow = checker->workflow;
	if (mention->count < 2) {
		return;
	}
	struct slice name = mention->segments[1];
	const struct workflow_group *group = workflow_find_group(workflow, name);
	if (group && look->step && look->step->group == group) {
		tell(look, false, at, "step `%.*s` asks for the result of its own group `%.*s`",
			SLICE_FMT(look->step->name), SLICE_FMT(name));
	} else if (!group) {
		tell(look, mention->is_guarded, offset_of(look, mention, at, 1),
			"`%.*s`: there is no group `%.*s`", SLICE_FMT(path_text(look, mention)),
			SLICE_FMT(name));
		struct nearest nearest = nearest_begin(name);
		for (size_t i = 0; i < workflow->groups.len; i++) {
			nearest_offer(&nearest, workflow->groups.items[i].name);
		}
		workflow_suggest(checker, &nearest, "");
	}
}

/* ---- arguments ---- */

/* `arg0`, `arg1`: words of the command line by position. */
static bool is_positional(struct slice name) {
	bool is_number = name.len > 3 && slice_starts_with(name, SLICE("arg"));
	for (size_t i = 3; i < name.len; i++) {
		is_number &= isdigit((unsigned char)name.data[i]) != 0;
	}
	return is_number;
}

static void suggest_arg(struct workflow_checker *checker, const struct template_mention *mention) {
	if (!workflow_may_suggest(checker)) {
		return;
	}
	struct nearest nearest = nearest_begin(mention->segments[1]);
	struct slice meant = with_hyphens(mention);
	for (size_t i = 0; i < checker->workflow->args.len; i++) {
		struct slice name = checker->workflow->args.items[i].name;
		nearest_offer(&nearest, name);
		if (slice_eq(name, meant)) {
			problems_hint(checker->problems,
				"a `-` subtracts here: write args[\"%.*s\"]", SLICE_FMT(meant));
			return;
		}
	}
	workflow_suggest(checker, &nearest, "");
}

static char upper(char byte) {
	return byte == '-' ? '_' : (char)toupper((unsigned char)byte);
}

/* The text of a command is an argument of `sh -c`, which everybody on the machine may read while it
 * runs; variables are the user's own. */
static void warn_of_secret(struct look *look, struct slice name, size_t at) {
	struct problems *problems = look->checker->problems;
	size_t before = problems->len;
	tell(look, true, at,
		"the argument `%.*s` is secret, and commands are seen in the list of processes",
		SLICE_FMT(name));
	char *variable = arena_strdup(problems->arena, name);
	for (char *byte = variable; *byte; byte++) {
		*byte = upper(*byte);
	}
	if (problems->len > before) {
		problems_hint(problems, "write \"$LLM_MUX_ARG_%s\"", variable);
	}
}

static void check_arg_mention(
	struct look *look, const struct template_mention *mention, size_t at) {
	struct workflow_checker *checker = look->checker;
	const struct workflow *workflow = checker->workflow;
	if (mention->count < 2) {
		checker->all_args_used = true;
		return;
	}
	struct slice name = mention->segments[1];
	size_t arg = 0;
	while (arg < workflow->args.len && !slice_eq(workflow->args.items[arg].name, name)) {
		arg++;
	}
	if (arg < workflow->args.len) {
		checker->arg_is_used[arg] = true;
		if (arg >= look->declared_args) {
			tell(look, false, offset_of(look, mention, at, 1),
				"the default of `%.*s` can use only arguments that are declared "
				"before it, not `%.*s`",
				SLICE_FMT(workflow->args.items[look->declared_args].name),
				SLICE_FMT(name));
		}
		if (workflow->args.items[arg].is_secret && look->use == TEMPLATE_USE_SHELL) {
			warn_of_secret(look, name, at);
		}
	} else if (!is_positional(name)) {
		tell(look, true, offset_of(look, mention, at, 1),
			"`%.*s`: argument `%.*s` is not declared under [args]",
			SLICE_FMT(path_text(look, mention)), SLICE_FMT(name));
		suggest_arg(checker, mention);
	}
}

/* ---- everything else ---- */

static bool is_in_scope(const struct look *look, enum scope scope) {
	switch (scope) {
	case SCOPE_STEP:
		return look->has_steps;
	case SCOPE_ITEM:
		return look->step && strcmp(look->key, "for_each") != 0 &&
		       (look->step->for_each.source.text.data || look->step->matrix.len > 0);
	case SCOPE_RETRY:
		return look->use == TEMPLATE_USE_RETRY_PROMPT;
	case SCOPE_ALWAYS:
		break;
	}
	return true;
}

static void check_field(struct look *look, const struct template_mention *mention, size_t at,
	const char *const *fields) {
	if (!fields || mention->count < 2) {
		return;
	}
	struct nearest nearest = nearest_begin(mention->segments[1]);
	for (const char *const *field = fields; *field; field++) {
		if (slice_is(mention->segments[1], *field)) {
			return;
		}
		nearest_offer(&nearest, slice_of(*field));
	}
	bool is_warning = mention->is_guarded || look->use == TEMPLATE_USE_CONDITION;
	tell(look, is_warning, offset_of(look, mention, at, 1), "`%.*s`: `%.*s` has no `%.*s`",
		SLICE_FMT(path_text(look, mention)), SLICE_FMT(mention->segments[0]),
		SLICE_FMT(mention->segments[1]));
	workflow_suggest(look->checker, &nearest, "");
}

static void check_item_field(struct look *look, const struct template_mention *mention, size_t at) {
	const struct workflow_step *step = look->step;
	if (mention->count < 2 || step->matrix.len == 0) {
		return;
	}
	struct nearest nearest = nearest_begin(mention->segments[1]);
	for (size_t i = 0; i < step->matrix.len; i++) {
		if (slice_eq(step->matrix.items[i].name, mention->segments[1])) {
			return;
		}
		nearest_offer(&nearest, step->matrix.items[i].name);
	}
	tell(look, mention->is_guarded || look->use == TEMPLATE_USE_CONDITION,
		offset_of(look, mention, at, 1), "`%.*s`: `matrix` has no `%.*s`",
		SLICE_FMT(path_text(look, mention)), SLICE_FMT(mention->segments[1]));
	workflow_suggest(look->checker, &nearest, "");
}

static void tell_out_of_scope(struct look *look, const struct template_mention *mention, size_t at,
	const struct known_name *known) {
	static const char *const reasons[] = {
		[SCOPE_ALWAYS] = "",
		[SCOPE_STEP] = "no step has run yet when this is rendered",
		[SCOPE_ITEM] = "only a step with `for_each` or `matrix` has it",
		[SCOPE_RETRY] = "only `verify_retry_prompt` has it",
	};
	bool is_warning = mention->is_guarded || look->use == TEMPLATE_USE_CONDITION;
	tell(look, is_warning, at, "`%.*s`: %s", SLICE_FMT(path_text(look, mention)),
		reasons[known->scope]);
}

static void tell_unknown(struct look *look, const struct template_mention *mention, size_t at) {
	struct workflow_checker *checker = look->checker;
	const struct workflow *workflow = checker->workflow;
	struct slice name = mention->segments[0];
	bool is_lenient = look->use == TEMPLATE_USE_CONDITION;
	tell(look, is_lenient || mention->is_guarded, at, "`%.*s` is not defined%s",
		SLICE_FMT(name), is_lenient ? ": it counts as false" : "");
	if (workflow_find_step_alias(workflow, name)) {
		problems_hint(checker->problems, "did you mean `steps.%.*s`?", SLICE_FMT(name));
		return;
	}
	for (size_t i = 0; i < workflow->args.len; i++) {
		if (slice_eq(workflow->args.items[i].name, name)) {
			problems_hint(
				checker->problems, "did you mean `args.%.*s`?", SLICE_FMT(name));
			return;
		}
	}
	struct nearest nearest = nearest_begin(name);
	for (size_t i = 0; i < COUNT(known_names); i++) {
		if (is_in_scope(look, known_names[i].scope)) {
			nearest_offer(&nearest, slice_of(known_names[i].name));
		}
	}
	workflow_suggest(checker, &nearest, "");
}

static void check_name(struct look *look, const struct template_mention *mention, size_t at) {
	struct slice root = mention->segments[0];
	const struct known_name *known = NULL;
	for (size_t i = 0; i < COUNT(known_names) && !known; i++) {
		known = slice_is(root, known_names[i].name) ? &known_names[i] : NULL;
	}
	if (!known) {
		tell_unknown(look, mention, at);
	} else if (!is_in_scope(look, known->scope)) {
		tell_out_of_scope(look, mention, at, known);
	} else if (slice_is(root, "steps")) {
		check_step_mention(look, mention, at);
	} else if (slice_is(root, "groups")) {
		check_group_mention(look, mention, at);
	} else if (slice_is(root, "args")) {
		check_arg_mention(look, mention, at);
	} else if (slice_is(root, "item")) {
		check_item_field(look, mention, at);
	} else {
		check_field(look, mention, at, known->fields);
	}
}

static void check_mention(struct look *look, const struct template_mention *mention, size_t at) {
	static const char *const whats[] = {
		[TEMPLATE_MENTION_FILTER] = "filter",
		[TEMPLATE_MENTION_TEST] = "test",
		[TEMPLATE_MENTION_FUNCTION] = "function",
	};
	if (mention->kind == TEMPLATE_MENTION_NAME) {
		check_name(look, mention, at);
	} else if (mention->kind != TEMPLATE_MENTION_TEMPLATE && !mention->is_known) {
		tell(look, false, at, "unknown %s `%.*s`", whats[mention->kind],
			SLICE_FMT(mention->segments[0]));
		if (mention->suggestion) {
			problems_hint(
				look->checker->problems, "did you mean `%s`?", mention->suggestion);
		}
	}
}

/* What an included file mentions is told once, however many steps include it. */
static void visit_mention(
	void *data, const struct template_mention *mention, size_t at, const char *included_file) {
	struct look *look = data;
	struct workflow_checker *checker = look->checker;
	struct problems *problems = checker->problems;
	look->included_file = included_file;
	look->mention = mention;
	if (!included_file) {
		check_mention(look, mention, at);
		return;
	}
	struct arena scratch;
	arena_init(&scratch, NULL, 0);
	struct slice key = arena_printf(&scratch, "%s:%zu", included_file, mention->place.offset);
	if (!map_get(&checker->told, key)) {
		size_t before = problems->len;
		check_mention(look, mention, at);
		if (problems->len > before) {
			map_put(&checker->told, key, checker);
		}
	}
	arena_finish(&scratch);
}

static void visit_broken(void *data, size_t at, const char *reason) {
	struct look *look = data;
	look->included_file = NULL;
	tell(look, false, at, "%s", reason);
}

static void look_at(struct look *look) {
	if (!look->text->template) {
		return;
	}
	const struct workflow_mentions mentions = {
		.visit = visit_mention, .broken = visit_broken, .data = look};
	workflow_visit(look->checker->workflow, look->checker->problems->arena,
		look->text->template, &mentions);
}

/* ---- a whole workflow ---- */

/* $LLM_MUX_ARG_NAME in a command is a use of the argument too. */
static void find_variables(struct workflow_checker *checker, struct slice text) {
	const struct workflow *workflow = checker->workflow;
	static const char prefix[] = "LLM_MUX_ARG_";
	for (;;) {
		size_t at = slice_find(text, SLICE("LLM_MUX_ARG_"));
		if (at == SIZE_MAX) {
			return;
		}
		text = slice_from(text, at + sizeof prefix - 1);
		for (size_t i = 0; i < workflow->args.len; i++) {
			struct slice name = workflow->args.items[i].name;
			size_t same = 0;
			while (same < name.len && same < text.len &&
				upper(name.data[same]) == text.data[same]) {
				same++;
			}
			checker->arg_is_used[i] |= same == name.len;
		}
	}
}

static void visit_step_template(
	void *data, const char *key, enum template_use use, struct step_template *text) {
	struct look look = *(struct look *)data;
	look.key = key;
	look.use = use;
	look.text = text;
	look_at(&look);
	if (slice_is(slice_of(key), "run") || slice_is(slice_of(key), "verify")) {
		find_variables(look.checker, text->source.text);
	}
}

static void look_at_workflow(struct workflow_checker *checker, const char *key,
	const struct step_template *text, bool has_steps) {
	struct look look = {
		.checker = checker,
		.key = key,
		.use = TEMPLATE_USE_TEXT,
		.text = text,
		.declared_args = checker->workflow->args.len,
		.has_steps = has_steps,
	};
	look_at(&look);
}

static void check_unused_args(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	for (size_t i = 0; i < workflow->args.len && !checker->all_args_used; i++) {
		if (!checker->arg_is_used[i]) {
			workflow_problem(workflow, checker->problems, true,
				&workflow->args.items[i].place,
				"argument `%.*s` is declared but never used",
				SLICE_FMT(workflow->args.items[i].name));
		}
	}
}

void workflow_check_templates(struct workflow_checker *checker) {
	const struct workflow *workflow = checker->workflow;
	for (size_t i = 0; i < workflow->args.len; i++) {
		struct look look = {
			.checker = checker,
			.key = "default",
			.use = TEMPLATE_USE_TEXT,
			.text = &workflow->args.items[i].default_text,
			.declared_args = i,
		};
		look_at(&look);
	}
	for (size_t i = 0; i < workflow->steps.len; i++) {
		struct look look = {
			.checker = checker,
			.step = &workflow->steps.items[i],
			.declared_args = workflow->args.len,
			.has_steps = true,
		};
		workflow_each_template(look.step, visit_step_template, &look);
	}
	for (size_t i = 0; i < workflow->env.len; i++) {
		look_at_workflow(checker, "env", &workflow->env.items[i].value, false);
	}
	look_at_workflow(checker, "ecosystem", &workflow->ecosystem, false);
	look_at_workflow(checker, "output", &workflow->output, true);
	check_unused_args(checker);
}
