/* evaluate.c: expressions (operators: operators.c; calls, filters, tests: call.c). */
#include "template/evaluate.h"

static bool evaluate_name(struct template_run *run, const struct node *node, struct value *out) {
	if (!run_lookup(run, node->name.name, out)) {
		*out = node->name.function ? value_object(node->name.function) : value_undefined();
	}
	return true;
}

static bool evaluate_list(struct template_run *run, const struct node *node, struct value *out) {
	struct value_list *list = value_list_new(run->arena);
	for (const struct node *item = node->list.first; item; item = item->next) {
		struct value value;
		if (!run_evaluate(run, item, &value)) {
			return false;
		}
		if (!value_list_push(run->arena, list, value)) {
			run->at = item;
			return run_fail_memory(run);
		}
	}
	*out = value_of_list(list);
	out->is_tuple = node->list.is_tuple;
	return true;
}

static bool evaluate_map(struct template_run *run, const struct node *node, struct value *out) {
	struct value_map *map = value_map_new(run->arena);
	for (const struct node *key = node->list.first; key; key = key->next->next) {
		struct value name, value;
		if (!run_evaluate(run, key, &name) || !run_evaluate(run, key->next, &value)) {
			return false;
		}
		if (!value_map_put(run->arena, map, name, value)) {
			run->at = key;
			return run_fail_memory(run);
		}
	}
	*out = value_of_map(map);
	return true;
}

bool run_is_true(
	struct template_run *run, const struct node *node, struct value value, bool *is_true) {
	*is_true = false;
	if (value.type == VALUE_UNDEFINED && !value.is_silent && template_run_is_strict(run)) {
		return run_fail_undefined(run, node);
	}
	*is_true = value_is_true(value, run->arena);
	return true;
}

static bool evaluate_unary(struct template_run *run, const struct node *node, struct value *out) {
	struct value operand;
	bool is_true;
	if (!run_evaluate(run, node->binary.left, &operand)) {
		return false;
	}
	run->at = node;
	if (node->op == OPERATOR_NEGATE) {
		return run_negate(run, operand, out);
	}
	if (!run_is_true(run, node->binary.left, operand, &is_true)) {
		return false;
	}
	*out = value_bool(!is_true);
	return true;
}

static bool evaluate_binary(struct template_run *run, const struct node *node, struct value *out) {
	struct value left, right;
	if (!run_evaluate(run, node->binary.left, &left) ||
		!run_evaluate(run, node->binary.right, &right)) {
		return false;
	}
	run->at = node;
	return run_binary(run, node, left, right, out);
}

/* `and`, `or`: the operand that decides. */
static bool evaluate_junction(
	struct template_run *run, const struct node *node, struct value *out) {
	bool is_true;
	if (!run_evaluate(run, node->binary.left, out) ||
		!run_is_true(run, node->binary.left, *out, &is_true)) {
		return false;
	}
	bool is_decided = node->kind == NODE_OR ? is_true : !is_true;
	return is_decided || run_evaluate(run, node->binary.right, out);
}

static bool evaluate_choice(struct template_run *run, const struct node *node, struct value *out) {
	struct value condition;
	bool is_true;
	if (!run_evaluate(run, node->choice.condition, &condition) ||
		!run_is_true(run, node->choice.condition, condition, &is_true)) {
		return false;
	}
	const struct node *chosen = is_true ? node->choice.value : node->choice.otherwise;
	if (chosen) {
		return run_evaluate(run, chosen, out);
	}
	*out = (struct value){.type = VALUE_UNDEFINED, .is_silent = true};
	return true;
}

/* The base of `base.name`, `base[key]`, defined; else fails naming the whole chain. */
static bool evaluate_base(struct template_run *run, const struct node *node, struct value *base) {
	const struct node *inner = node->access.base;
	if (!run_evaluate(run, inner, base)) {
		if (run->undefined_chain == inner) {
			run_extend_undefined(run, node);
		}
		return false;
	}
	if (base->type == VALUE_UNDEFINED) {
		run_fail_undefined(run, inner);
		run_extend_undefined(run, node);
		return false;
	}
	return true;
}

bool run_base(struct template_run *run, const struct node *node, struct value *base) {
	return evaluate_base(run, node, base);
}

static bool evaluate_attribute(
	struct template_run *run, const struct node *node, struct value *out) {
	struct value base;
	if (!evaluate_base(run, node, &base)) {
		return false;
	}
	*out = value_get(base, run->arena, node->access.name);
	return true;
}

static bool evaluate_index(struct template_run *run, const struct node *node, struct value *out) {
	struct value base, key;
	if (!evaluate_base(run, node, &base) || !run_evaluate(run, node->access.key, &key)) {
		return false;
	}
	*out = value_get(base, run->arena, key);
	/* A character is found by counting from the beginning. */
	return base.type != VALUE_STRING || template_spend(run, base.string.len / 256);
}

static bool evaluate_slice(struct template_run *run, const struct node *node, struct value *out) {
	struct value base;
	struct value bounds[3] = {value_none(), value_none(), value_none()};
	const struct node *const parts[3] = {node->access.key, node->access.to, node->access.step};
	if (!run_evaluate(run, node->access.base, &base)) {
		return false;
	}
	for (size_t i = 0; i < 3; i++) {
		if (parts[i] && !run_evaluate(run, parts[i], &bounds[i])) {
			return false;
		}
	}
	if (base.type == VALUE_UNDEFINED && template_run_is_strict(run)) {
		return run_fail_undefined(run, node->access.base);
	}
	run->at = node;
	return run_slice(run, base, bounds, out);
}

static bool evaluate_const(struct template_run *run, const struct node *node, struct value *out) {
	(void)run;
	*out = node->constant;
	return true;
}

/* Each kind in a function of its own, so that a level of recursion takes little stack. */
static bool (*const evaluators[])(
	struct template_run *run, const struct node *node, struct value *out) = {
	[NODE_CONST] = evaluate_const,
	[NODE_NAME] = evaluate_name,
	[NODE_LIST] = evaluate_list,
	[NODE_MAP] = evaluate_map,
	[NODE_UNARY] = evaluate_unary,
	[NODE_BINARY] = evaluate_binary,
	[NODE_AND] = evaluate_junction,
	[NODE_OR] = evaluate_junction,
	[NODE_CHOICE] = evaluate_choice,
	[NODE_ATTRIBUTE] = evaluate_attribute,
	[NODE_INDEX] = evaluate_index,
	[NODE_SLICE] = evaluate_slice,
	[NODE_CALL] = run_evaluate_call,
	[NODE_FILTER] = run_evaluate_filter,
	[NODE_TEST] = run_evaluate_test,
};

bool run_evaluate(struct template_run *run, const struct node *node, struct value *out) {
	*out = value_undefined();
	bool is_ok = run_enter(run, node) && evaluators[node->kind](run, node, out);
	run_leave(run);
	return is_ok;
}
