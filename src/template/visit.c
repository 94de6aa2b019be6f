/* visit.c: what a template mentions: free names with their paths, filters, tests, functions, other
 * templates. */
#include "template/tree.h"

/* Names bound in a scope; scopes are cut off by their beginning in the list. */
struct bound_names {
	struct slice *items;
	size_t len, cap;
};

/* Paths mentioned so far in the expression; those of the conditions around a place guard what
 * stands there. */
struct guard {
	struct slice segments[TEMPLATE_MENTION_MAX];
	size_t count;
};
struct guards {
	struct guard *items;
	size_t len, cap;
	size_t active; /* how many of them, from the first on, are of conditions */
};

struct visitor {
	const struct template *template;
	void (*visit)(void *data, const struct template_mention *mention);
	void *data;
	struct arena arena; /* of this walk alone */
	struct place_cursor cursor;
	struct bound_names bound;
	struct guards guards;
	bool is_guarded, is_safe;
};

static void visit_expression(struct visitor *v, const struct node *node);
static void visit_statements(struct visitor *v, const struct node *first);

/* ---- scopes ---- */

static void bind(struct visitor *v, struct slice name) {
	*ARENA_PUSH(&v->arena, &v->bound) = name;
}

static bool is_bound(const struct visitor *v, struct slice name) {
	for (size_t i = v->bound.len; i > 0; i--) {
		if (slice_eq(v->bound.items[i - 1], name)) {
			return true;
		}
	}
	return false;
}

static void bind_target(struct visitor *v, const struct node *target) {
	if (target->kind == NODE_NAME) {
		bind(v, target->name.name);
	} else if (target->kind == NODE_ATTRIBUTE) {
		visit_expression(v, target->access.base);
	} else {
		for (const struct node *part = target->list.first; part; part = part->next) {
			bind_target(v, part);
		}
	}
}

/* ---- reporting ---- */

static void report_name(struct visitor *v, enum template_mention_kind kind, struct slice name,
	size_t at, bool is_known, const char *suggestion) {
	struct template_mention mention = {
		.kind = kind,
		.segments = {name},
		.count = 1,
		.is_known = is_known,
		.suggestion = suggestion,
		.place = template_place_from(v->template, &v->cursor, at, at + name.len),
		.offsets = {at},
	};
	v->visit(v->data, &mention);
}

static const struct template_builtin *own_list(
	const struct visitor *v, enum template_mention_kind kind) {
	const struct template_environment *environment = v->template->environment;
	return !environment                      ? NULL
	       : kind == TEMPLATE_MENTION_FILTER ? environment->filters
	       : kind == TEMPLATE_MENTION_TEST   ? environment->tests
						 : environment->functions;
}

static void report_builtin(
	struct visitor *v, enum template_mention_kind kind, struct slice name, size_t at) {
	const struct template_builtin *own = own_list(v, kind);
	const struct template_builtin *built_in = kind == TEMPLATE_MENTION_FILTER ? template_filters
						  : kind == TEMPLATE_MENTION_TEST
							  ? template_tests
							  : template_functions;
	bool is_known = template_find_builtin(own, built_in, name) != NULL;
	report_name(v, kind, name, at, is_known,
		is_known ? NULL : template_nearest_builtin(&v->arena, own, built_in, name));
}

/* ---- paths ---- */

/* The constant segment an access adds; false when it is known at run time only. */
static bool segment_of(const struct visitor *v, const struct node *node, struct slice *segment) {
	if (node->kind == NODE_INDEX && node->access.key->kind != NODE_CONST) {
		return false;
	}
	struct value key =
		node->kind == NODE_ATTRIBUTE ? node->access.name : node->access.key->constant;
	size_t begin = node->kind == NODE_ATTRIBUTE ? node->access.at : node->access.key->begin;
	size_t end = node->kind == NODE_ATTRIBUTE ? node->end : node->access.key->end;
	*segment = key.type == VALUE_STRING ? key.string
					    : slice_sub(v->template->text, begin, end - begin);
	return true;
}

static bool is_access(const struct node *node) {
	return node->kind == NODE_ATTRIBUTE || node->kind == NODE_INDEX;
}

/* A free name and the constant path behind it, from a chain whose innermost base is a name. The
 * chain is walked from its end, so the segments are put at their depth. */
static void fill_path(
	struct visitor *v, const struct node *chain, struct template_mention *mention) {
	size_t depth = 0;
	for (const struct node *at = chain; is_access(at); at = at->access.base) {
		depth++;
	}
	mention->count = depth + 1 < TEMPLATE_MENTION_MAX ? depth + 1 : TEMPLATE_MENTION_MAX;
	size_t end = chain->end;
	const struct node *at = chain;
	for (; is_access(at); at = at->access.base, depth--) {
		struct slice segment = {0};
		bool is_constant = segment_of(v, at, &segment);
		if (depth >= TEMPLATE_MENTION_MAX) {
			continue;
		}
		if (!is_constant) {
			/* What stands behind an unknown field says nothing. */
			mention->count = depth;
			end = at->access.base->end;
			continue;
		}
		mention->segments[depth] = segment;
		mention->offsets[depth] = at->access.at;
	}
	mention->segments[0] = at->name.name;
	mention->offsets[0] = at->begin;
	mention->place = template_place_from(v->template, &v->cursor, at->begin, end);
}

static bool is_guarded_by(const struct guard *guard, const struct template_mention *mention) {
	if (guard->count > mention->count) {
		return false;
	}
	for (size_t i = 0; i < guard->count; i++) {
		if (!slice_eq(guard->segments[i], mention->segments[i])) {
			return false;
		}
	}
	return true;
}

static void report_path(struct visitor *v, const struct node *chain) {
	struct template_mention mention = {.kind = TEMPLATE_MENTION_NAME};
	fill_path(v, chain, &mention);
	mention.is_guarded = v->is_guarded;
	mention.is_safe = v->is_safe;
	for (size_t i = 0; i < v->guards.active && !mention.is_guarded; i++) {
		mention.is_guarded = is_guarded_by(&v->guards.items[i], &mention);
	}
	struct guard *guard = ARENA_PUSH(&v->arena, &v->guards);
	memcpy(guard->segments, mention.segments, sizeof guard->segments);
	guard->count = mention.count;
	v->visit(v->data, &mention);
}

/* A name, field or item; the keys within are expressions of their own. */
static void visit_chain(struct visitor *v, const struct node *chain) {
	const struct node *base = chain;
	for (; is_access(base); base = base->access.base) {
		if (base->kind == NODE_INDEX && base->access.key->kind != NODE_CONST) {
			visit_expression(v, base->access.key);
		}
	}
	if (base->kind != NODE_NAME) {
		visit_expression(v, base);
		return;
	}
	bool is_self = slice_is(base->name.name, "self");
	if (!is_bound(v, base->name.name) && !is_self && !base->name.function) {
		report_path(v, chain);
	}
}

/* ---- calls, filters, tests ---- */

static void visit_arguments(struct visitor *v, const struct node_arguments *arguments) {
	bool was_safe = v->is_safe;
	bool was_guarded = v->is_guarded;
	v->is_safe = v->is_guarded = false;
	for (const struct node_argument *argument = arguments->first; argument;
		argument = argument->next) {
		visit_expression(v, argument->value);
	}
	v->is_safe = was_safe;
	v->is_guarded = was_guarded;
}

static void visit_call(struct visitor *v, const struct node *node) {
	const struct node *base = node->call.base;
	visit_arguments(v, &node->call.arguments);
	if (base->kind == NODE_ATTRIBUTE) {
		/* `a.b.upper()`: the last name is the method's. */
		visit_expression(v, base->access.base);
	} else if (base->kind != NODE_NAME) {
		visit_expression(v, base);
	} else if (!is_bound(v, base->name.name) && !slice_is(base->name.name, "super")) {
		report_builtin(v, TEMPLATE_MENTION_FUNCTION, base->name.name, base->begin);
	}
}

static bool is_any(struct slice name, const char *const *names) {
	for (; *names; names++) {
		if (slice_is(name, *names)) {
			return true;
		}
	}
	return false;
}

/* `map("upper")`, `select("odd")`, `selectattr("x", "none")`: names in text. */
static void visit_named_builtin(struct visitor *v, const struct node *node) {
	static const char *const by_first[] = {"select", "reject", NULL};
	static const char *const by_second[] = {"selectattr", "rejectattr", NULL};
	const struct node_argument *argument = node->call.arguments.first;
	enum template_mention_kind kind = TEMPLATE_MENTION_TEST;
	if (slice_is(node->call.name, "map")) {
		kind = TEMPLATE_MENTION_FILTER;
	} else if (is_any(node->call.name, by_second)) {
		argument = argument ? argument->next : NULL;
	} else if (!is_any(node->call.name, by_first)) {
		return;
	}
	if (argument && argument->kind == ARGUMENT_PLAIN && argument->value->kind == NODE_CONST &&
		argument->value->constant.type == VALUE_STRING) {
		report_builtin(
			v, kind, argument->value->constant.string, argument->value->begin + 1);
	}
}

static void visit_applied(struct visitor *v, const struct node *node) {
	static const char *const safe[] = {"safe", "raw", NULL};
	static const char *const guards[] = {"default", "d", "defined", "undefined", NULL};
	bool was_safe = v->is_safe;
	bool was_guarded = v->is_guarded;
	bool is_filter = node->kind == NODE_FILTER;
	v->is_safe |= is_filter && is_any(node->call.name, safe);
	v->is_guarded |= is_any(node->call.name, guards);
	if (node->call.base) {
		visit_expression(v, node->call.base);
	}
	v->is_safe = was_safe;
	v->is_guarded = was_guarded;
	report_builtin(v, is_filter ? TEMPLATE_MENTION_FILTER : TEMPLATE_MENTION_TEST,
		node->call.name, node->call.name_at);
	if (is_filter) {
		visit_named_builtin(v, node);
	}
	visit_arguments(v, &node->call.arguments);
}

/* ---- guards ---- */

/* `condition and value`, `value if condition`, the condition visited: the value is asked for only
 * when the condition holds. */
static void visit_under(struct visitor *v, const struct node *value) {
	size_t active = v->guards.active;
	v->guards.active = v->guards.len;
	visit_expression(v, value);
	v->guards.active = active;
}

static void visit_expression(struct visitor *v, const struct node *node) {
	switch (node->kind) {
	case NODE_NAME:
	case NODE_ATTRIBUTE:
	case NODE_INDEX:
		visit_chain(v, node);
		break;
	case NODE_LIST:
	case NODE_MAP:
		for (const struct node *item = node->list.first; item; item = item->next) {
			visit_expression(v, item);
		}
		break;
	case NODE_UNARY:
		visit_expression(v, node->binary.left);
		break;
	case NODE_BINARY:
		visit_expression(v, node->binary.left);
		visit_expression(v, node->binary.right);
		break;
	case NODE_AND:
	case NODE_OR:
		visit_expression(v, node->binary.left);
		visit_under(v, node->binary.right);
		break;
	case NODE_CHOICE:
		visit_expression(v, node->choice.condition);
		visit_under(v, node->choice.value);
		if (node->choice.otherwise) {
			visit_under(v, node->choice.otherwise);
		}
		break;
	case NODE_SLICE: {
		const struct node *const parts[] = {
			node->access.base, node->access.key, node->access.to, node->access.step};
		for (size_t i = 0; i < 4; i++) {
			if (parts[i]) {
				visit_expression(v, parts[i]);
			}
		}
		break;
	}
	case NODE_CALL:
		visit_call(v, node);
		break;
	case NODE_FILTER:
	case NODE_TEST:
		visit_applied(v, node);
		break;
	default:
		break;
	}
}

/* ---- statements ---- */

/* An expression that is no condition of what follows. */
static void visit_whole(struct visitor *v, const struct node *node) {
	size_t len = v->guards.len;
	visit_expression(v, node);
	v->guards.len = len;
}

static void visit_body(struct visitor *v, const struct node *body) {
	size_t bound = v->bound.len;
	visit_statements(v, body);
	v->bound.len = bound;
}

static void visit_for(struct visitor *v, const struct node *node) {
	size_t bound = v->bound.len;
	struct guards guards = v->guards;
	visit_whole(v, node->loop.sequence);
	bind_target(v, node->loop.target);
	if (node->loop.condition) {
		visit_expression(v, node->loop.condition);
		v->guards.active = v->guards.len;
	}
	bind(v, SLICE("loop"));
	visit_statements(v, node->loop.body);
	v->bound.len = bound;
	v->guards.len = guards.len;
	v->guards.active = guards.active;
	visit_statements(v, node->loop.otherwise);
}

/* What is set in a branch counts as set behind it: `if` opens no scope. */
static void visit_if(struct visitor *v, const struct node *node) {
	struct guards guards = v->guards;
	for (const struct node_branch *branch = node->branches; branch; branch = branch->next) {
		if (branch->condition) {
			visit_expression(v, branch->condition);
			v->guards.active = v->guards.len;
		}
		visit_statements(v, branch->body);
	}
	v->guards.len = guards.len;
	v->guards.active = guards.active;
}

static void visit_with(struct visitor *v, const struct node *node) {
	size_t bound = v->bound.len;
	for (const struct node_binding *binding = node->with.bindings; binding;
		binding = binding->next) {
		visit_whole(v, binding->value);
		bind_target(v, binding->target);
	}
	visit_statements(v, node->with.body);
	v->bound.len = bound;
}

static void visit_macro(struct visitor *v, const struct node *node, bool has_caller) {
	size_t bound = v->bound.len;
	for (const struct node_binding *parameter = node->macro.macro->parameters; parameter;
		parameter = parameter->next) {
		if (parameter->value) {
			visit_whole(v, parameter->value);
		}
		bind(v, parameter->name);
	}
	if (has_caller) {
		bind(v, SLICE("caller"));
	}
	visit_statements(v, node->macro.macro->body);
	v->bound.len = bound;
}

/* The constant names of other templates; anything else is an expression. */
static void visit_template_name(struct visitor *v, const struct node *name) {
	if (name->kind == NODE_CONST && name->constant.type == VALUE_STRING) {
		report_name(v, TEMPLATE_MENTION_TEMPLATE, name->constant.string, name->begin + 1,
			false, NULL);
	} else if (name->kind == NODE_LIST) {
		for (const struct node *item = name->list.first; item; item = item->next) {
			visit_template_name(v, item);
		}
	} else {
		visit_whole(v, name);
	}
}

static void visit_imported(struct visitor *v, const struct node *node) {
	visit_template_name(v, node->include.template);
	if (node->kind == NODE_IMPORT) {
		bind(v, node->include.as);
	}
	for (const struct node_binding *binding = node->include.names; binding;
		binding = binding->next) {
		bind_target(v, binding->target);
	}
}

static void visit_statement(struct visitor *v, const struct node *node) {
	switch (node->kind) {
	case NODE_PRINT:
	case NODE_DO:
		visit_whole(v, node->print);
		break;
	case NODE_FOR:
		visit_for(v, node);
		break;
	case NODE_IF:
		visit_if(v, node);
		break;
	case NODE_SET:
		visit_whole(v, node->set.value);
		bind_target(v, node->set.target);
		break;
	case NODE_SET_BLOCK:
	case NODE_FILTER_BLOCK:
		visit_statements(v, node->set.body);
		if (node->set.filter) {
			visit_whole(v, node->set.filter);
		}
		if (node->set.target) {
			bind_target(v, node->set.target);
		}
		break;
	case NODE_WITH:
		visit_with(v, node);
		break;
	case NODE_AUTOESCAPE:
		visit_whole(v, node->escape.value);
		visit_statements(v, node->escape.body);
		break;
	case NODE_MACRO:
		visit_macro(v, node, true);
		break;
	case NODE_CALL_BLOCK:
		visit_whole(v, node->macro.call);
		visit_macro(v, node, false);
		break;
	case NODE_BLOCK:
		visit_body(v, node->block.body);
		break;
	case NODE_EXTENDS:
	case NODE_INCLUDE:
	case NODE_IMPORT:
	case NODE_FROM:
		visit_imported(v, node);
		break;
	default:
		break;
	}
}

static void visit_statements(struct visitor *v, const struct node *first) {
	/* Macros of one scope see each other, whatever their order. */
	for (const struct node *node = first; node; node = node->next) {
		if (node->kind == NODE_MACRO) {
			bind(v, node->macro.macro->name);
		}
	}
	for (const struct node *node = first; node; node = node->next) {
		visit_statement(v, node);
	}
}

void template_visit(const struct template *template,
	void (*visit)(void *data, const struct template_mention *mention), void *data) {
	struct visitor v = {.template = template, .visit = visit, .data = data};
	arena_init(&v.arena, NULL, 0);
	if (template->expression) {
		visit_whole(&v, template->expression);
	}
	visit_statements(&v, template->body);
	arena_finish(&v.arena);
}
