/* render.c: statements. (Loops: loop.c; macros: macro.c; blocks and other templates: inherit.c.) */
#include "template/run.h"

/* ---- printing ---- */

/* `super()`, `self.NAME()` and `loop(items)` printed as they are need no detour over a string; in a
 * shell command their values are then quoted one by one, where they stand. */
static bool print_directly(struct template_run *run, const struct node *call, bool *is_done) {
	const struct node *base = call->call.base;
	struct value found;
	*is_done = false;
	if (call->kind != NODE_CALL || (base->kind != NODE_NAME && base->kind != NODE_ATTRIBUTE)) {
		return true;
	}
	if (base->kind == NODE_ATTRIBUTE) {
		bool is_self = base->access.base->kind == NODE_NAME &&
			       slice_is(base->access.base->name.name, "self") &&
			       base->access.name.type == VALUE_STRING &&
			       !run_lookup(run, SLICE("self"), &found);
		run->at = call;
		return !is_self || run_self_block(run, base->access.name.string, is_done);
	}
	if (run_lookup(run, base->name.name, &found)) {
		struct value_arguments arguments;
		if (!value_is_loop(found)) {
			return true;
		}
		*is_done = true;
		if (!run_arguments(run, &call->call.arguments, 0, &arguments)) {
			return false;
		}
		run->at = call;
		return run_loop_again(run, found.object, &arguments);
	}
	if (slice_is(base->name.name, "super")) {
		*is_done = true;
		run->at = call;
		return run_super(run);
	}
	return true;
}

static bool print(struct template_run *run, const struct node *node) {
	const struct node *expression = node->print;
	struct value value;
	bool is_done = false;
	if (expression->kind == NODE_CALL && !print_directly(run, expression, &is_done)) {
		return false;
	}
	if (is_done) {
		return true;
	}
	if (!run_evaluate(run, expression, &value)) {
		return false;
	}
	if (value.type == VALUE_UNDEFINED) {
		return value.is_silent || !template_run_is_strict(run) ||
		       run_fail_undefined(run, expression);
	}
	run->at = expression;
	return run_emit_value(run, value);
}

/* ---- assignment ---- */

static bool assign_attribute(
	struct template_run *run, const struct node *target, struct value value) {
	struct value base;
	if (!run_evaluate(run, target->access.base, &base)) {
		return false;
	}
	run->at = target;
	if (base.type != VALUE_OBJECT || !base.object->kind->set ||
		target->access.name.type != VALUE_STRING) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"only the fields of a namespace() can be set, not those of %s",
			value_kind_name(base));
	}
	return base.object->kind->set(base.object, run, target->access.name.string, value);
}

static bool unpack(struct template_run *run, const struct node *target, struct value value) {
	/* Text could be gone through, but who unpacks it has something else in mind. */
	bool has_items =
		value.type == VALUE_OBJECT && (value.object->kind->list || value.object->kind->map);
	uint8_t type = value_plain(value, run->arena).type;
	has_items |= type == VALUE_LIST || type == VALUE_MAP;
	const struct value_list *items = has_items ? run_iterate(run, value) : NULL;
	if (!items) {
		return template_fail(run, TEMPLATE_ERROR_CANNOT_UNPACK,
			"%s cannot be unpacked into %u names", value_kind_name(value),
			target->list.count);
	}
	if (items->len != target->list.count) {
		return template_fail(run, TEMPLATE_ERROR_CANNOT_UNPACK,
			"a sequence of %zu cannot be unpacked into %u names", items->len,
			target->list.count);
	}
	size_t i = 0;
	for (const struct node *part = target->list.first; part; part = part->next) {
		if (!run_assign(run, part, items->items[i++])) {
			return false;
		}
	}
	return true;
}

bool run_assign(struct template_run *run, const struct node *target, struct value value) {
	if (target->kind == NODE_NAME) {
		return run_set(run, target->name.name, value);
	}
	if (target->kind == NODE_ATTRIBUTE) {
		return assign_attribute(run, target, value);
	}
	run->at = target;
	return unpack(run, target, value);
}

static bool set_value(struct template_run *run, const struct node *node) {
	struct value value;
	return run_evaluate(run, node->set.value, &value) &&
	       run_assign(run, node->set.target, value);
}

/* ---- blocks of text: they open no scope, as in minijinja ---- */

/* The text of a body; break and continue pass through. */
static enum flow capture_body(
	struct template_run *run, const struct node *body, struct value *out) {
	struct capture capture;
	run_capture(run, &capture);
	enum flow flow = run_statements(run, body);
	return run_end_capture(run, &capture, flow != FLOW_FAILED, out) ? flow : FLOW_FAILED;
}

static enum flow set_block(struct template_run *run, const struct node *node) {
	struct value text;
	enum flow flow = capture_body(run, node->set.body, &text);
	if (flow != FLOW_ON) {
		return flow;
	}
	return run_filters(run, node->set.filter, text, &text) &&
			       run_assign(run, node->set.target, text)
		       ? FLOW_ON
		       : FLOW_FAILED;
}

static enum flow filter_block(struct template_run *run, const struct node *node) {
	struct value text;
	enum flow flow = capture_body(run, node->set.body, &text);
	bool is_ok = flow != FLOW_FAILED && run_filters(run, node->set.filter, text, &text) &&
		     run_emit_value(run, text);
	return is_ok ? flow : FLOW_FAILED;
}

static enum flow with_block(struct template_run *run, const struct node *node) {
	struct frame frame;
	enum flow flow = FLOW_ON;
	run_push_frame(run, &frame);
	for (const struct node_binding *binding = node->with.bindings; binding;
		binding = binding->next) {
		struct value value;
		if (!run_evaluate(run, binding->value, &value) ||
			!run_assign(run, binding->target, value)) {
			flow = FLOW_FAILED;
			break;
		}
	}
	flow = flow == FLOW_ON ? run_statements(run, node->with.body) : flow;
	run_pop_frame(run);
	return flow;
}

static bool escape_mode(
	struct template_run *run, const struct node *node, enum template_escape *escape) {
	struct value value;
	if (!run_evaluate(run, node->escape.value, &value)) {
		return false;
	}
	run->at = node->escape.value;
	if (run->escape == TEMPLATE_ESCAPE_SHELL) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"a shell command has its own quoting: `| safe` prints a value as it is");
	}
	value = value_plain(value, run->arena);
	bool is_text = value.type == VALUE_STRING;
	if ((value.type == VALUE_BOOL && value.boolean) ||
		(is_text && slice_is(value.string, "html"))) {
		*escape = TEMPLATE_ESCAPE_HTML;
		return true;
	}
	*escape = TEMPLATE_ESCAPE_NONE;
	return value.type == VALUE_BOOL || value.type == VALUE_NONE ||
	       (is_text && slice_is(value.string, "none")) ||
	       template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
		       "autoescape is true, false, \"html\" or \"none\"");
}

static enum flow autoescape(struct template_run *run, const struct node *node) {
	enum template_escape before = run->escape;
	if (!escape_mode(run, node, &run->escape)) {
		return FLOW_FAILED;
	}
	enum flow flow = run_statements(run, node->escape.body);
	run->escape = before;
	return flow;
}

static enum flow choose(struct template_run *run, const struct node *node) {
	for (const struct node_branch *branch = node->branches; branch; branch = branch->next) {
		bool is_true = true;
		struct value value;
		if (branch->condition &&
			(!run_evaluate(run, branch->condition, &value) ||
				!run_is_true(run, branch->condition, value, &is_true))) {
			return FLOW_FAILED;
		}
		if (is_true) {
			return run_statements(run, branch->body);
		}
	}
	return FLOW_ON;
}

static bool evaluate_only(struct template_run *run, const struct node *node) {
	struct value value;
	return run_evaluate(run, node->print, &value);
}

/* ---- all statements ---- */

static bool run_statement(struct template_run *run, const struct node *node) {
	switch (node->kind) {
	case NODE_TEXT:
		return run_emit_literal(run, node->text);
	case NODE_PRINT:
		return print(run, node);
	case NODE_SET:
		return set_value(run, node);
	case NODE_DO:
		return evaluate_only(run, node);
	case NODE_MACRO:
		return run_macro(run, node);
	case NODE_CALL_BLOCK:
		return run_call_block(run, node);
	case NODE_BLOCK:
		return run_block(run, node);
	case NODE_EXTENDS:
		return run_extends(run, node);
	case NODE_INCLUDE:
		return run_include(run, node);
	default:
		return run_import(run, node);
	}
}

static enum flow run_nested(struct template_run *run, const struct node *node) {
	switch (node->kind) {
	case NODE_FOR:
		return run_for(run, node);
	case NODE_IF:
		return choose(run, node);
	case NODE_SET_BLOCK:
		return set_block(run, node);
	case NODE_WITH:
		return with_block(run, node);
	case NODE_FILTER_BLOCK:
		return filter_block(run, node);
	case NODE_AUTOESCAPE:
		return autoescape(run, node);
	case NODE_BREAK:
		return FLOW_BREAK;
	case NODE_CONTINUE:
		return FLOW_CONTINUE;
	default:
		return run_statement(run, node) ? FLOW_ON : FLOW_FAILED;
	}
}

enum flow run_statements(struct template_run *run, const struct node *first) {
	enum flow flow = FLOW_ON;
	for (const struct node *node = first; node && flow == FLOW_ON; node = node->next) {
		flow = run_enter(run, node) ? run_nested(run, node) : FLOW_FAILED;
		run_leave(run);
	}
	return flow;
}
