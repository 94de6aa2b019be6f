/* inherit.c: blocks, extends, include, import: templates that know of others. */
#include "template/run.h"

/* ---- finding templates ---- */

static const struct template *parse_loaded(
	struct template_run *run, struct slice name, struct slice text) {
	struct template_options options = run->root->options;
	struct template_error error;
	options.name = arena_strdup(run->arena, name);
	options.escape = run->escape;
	const struct template *template =
		template_parse(run->arena, run->environment, &options, text, &error);
	if (!template && !run->has_failed) {
		*run->error = error;
		run->has_failed = true;
	}
	return template;
}

/* NULL with *exists false when there is none of that name; NULL after failing otherwise. */
static const struct template *load(struct template_run *run, struct slice name, bool *exists) {
	struct slice text;
	struct error error = {0};
	*exists = true;
	for (struct loaded_template *at = run->loaded; at; at = at->next) {
		if (slice_eq(at->name, name)) {
			return at->template;
		}
	}
	const struct template_environment *environment = run->environment;
	if (!environment->load ||
		!environment->load(environment->load_data, run->arena, name, &text, &error)) {
		if (error.kind != ERROR_NONE) {
			template_fail(run, TEMPLATE_ERROR_BAD_INCLUDE, "cannot read `%.*s`: %s",
				SLICE_FMT(slice_sub(name, 0, 200)), error.message);
			return NULL;
		}
		*exists = false;
		return NULL;
	}
	if (!template_spend(run, text.len / 64)) {
		return NULL;
	}
	const struct template *template = parse_loaded(run, name, text);
	if (template) {
		struct loaded_template *loaded = ARENA_NEW(run->arena, struct loaded_template);
		*loaded = (struct loaded_template){
			run->loaded, arena_dup(run->arena, name), template};
		run->loaded = loaded;
	}
	return template;
}

static bool fail_not_found(struct template_run *run, struct value name) {
	struct slice text = value_text(name, run->arena);
	return template_fail(run, TEMPLATE_ERROR_NOT_FOUND, "there is no template `%.*s`%s",
		SLICE_FMT(slice_sub(text, 0, 200)),
		run->environment->load ? "" : ": other templates cannot be used here");
}

/* The template an expression names: a name, or a list of which the first that exists is taken.
 * NULL without failing when it does not exist and need not. */
static const struct template *find(
	struct template_run *run, const struct node *node, bool is_optional) {
	struct value name;
	if (!run_evaluate(run, node->include.template, &name)) {
		return NULL;
	}
	if (name.type == VALUE_UNDEFINED && template_run_is_strict(run)) {
		run_fail_undefined(run, node->include.template);
		return NULL;
	}
	run->at = node;
	struct value plain = value_plain(name, run->arena);
	struct value_list single = {.items = &plain, .len = 1};
	const struct value_list *names = plain.type == VALUE_LIST ? plain.list : &single;
	for (size_t i = 0; i < names->len; i++) {
		struct value one = value_plain(names->items[i], run->arena);
		bool exists;
		if (one.type != VALUE_STRING) {
			template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
				"the name of a template is text, not %s", value_kind_name(one));
			return NULL;
		}
		const struct template *template = load(run, one.string, &exists);
		if (exists) {
			return template;
		}
	}
	if (!is_optional) {
		fail_not_found(run, name);
	}
	return NULL;
}

/* ---- blocks ---- */

static struct block_stack *find_block(const struct inheritance *inheritance, struct slice name) {
	for (struct block_stack *at = inheritance->blocks; at; at = at->next) {
		if (slice_eq(at->name, name)) {
			return at;
		}
	}
	return NULL;
}

/* The template's blocks stand behind those of the templates that extend it. */
static bool add_blocks(struct template_run *run, const struct template *template) {
	struct inheritance *inheritance = run->inheritance;
	for (const struct node *node = template->blocks; node; node = node->block.next_block) {
		struct block_stack *stack = find_block(inheritance, node->block.name);
		if (!template_spend(run, 1)) {
			return false;
		}
		if (!stack) {
			stack = ARENA_NEW(run->arena, struct block_stack);
			*stack = (struct block_stack){
				.next = inheritance->blocks, .name = node->block.name};
			inheritance->blocks = stack;
		}
		struct block_version **last = &stack->versions;
		while (*last) {
			last = &(*last)->next;
		}
		*last = ARENA_NEW(run->arena, struct block_version);
		**last = (struct block_version){.node = node, .template = template};
	}
	return true;
}

static bool run_version(struct template_run *run, struct block_version *version) {
	struct block_version *before = run->inheritance->current;
	const struct template *template = run->template;
	struct frame frame;
	if (!run_recurse(run)) {
		return false;
	}
	run_push_frame(run, &frame);
	run->inheritance->current = version;
	run->template = version->template;
	bool is_ok = run_statements(run, version->node->block.body) != FLOW_FAILED;
	run->template = template;
	run->inheritance->current = before;
	run_pop_frame(run);
	run->recursion--;
	return is_ok;
}

bool run_block(struct template_run *run, const struct node *node) {
	/* Where a template extends another, its blocks are rendered by the other. */
	if (run->inheritance->parent) {
		return true;
	}
	struct block_stack *stack = find_block(run->inheritance, node->block.name);
	return stack && run_version(run, stack->versions);
}

bool run_super(struct template_run *run) {
	struct block_version *current = run->inheritance->current;
	if (!current) {
		return template_fail(
			run, TEMPLATE_ERROR_INVALID_OPERATION, "super() stands outside of a block");
	}
	if (!current->next) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"there is no block `%.*s` above this one",
			SLICE_FMT(slice_sub(current->node->block.name, 0, 80)));
	}
	return run_version(run, current->next);
}

bool run_self_block(struct template_run *run, struct slice name, bool *exists) {
	struct block_stack *stack = find_block(run->inheritance, name);
	*exists = stack != NULL;
	return !stack || run_version(run, stack->versions);
}

bool run_extends(struct template_run *run, const struct node *node) {
	struct inheritance *inheritance = run->inheritance;
	run->at = node;
	if (inheritance->parent) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"the template extends another already");
	}
	if (run->is_capturing != inheritance->was_capturing) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			"`extends` stands within a block of text");
	}
	const struct template *parent = find(run, node, false);
	if (!parent) {
		return false;
	}
	for (const struct ancestor *at = inheritance->ancestors; at; at = at->next) {
		if (at->template == parent) {
			run->at = node;
			return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
				"the templates extend each other in a circle");
		}
	}
	inheritance->parent = parent;
	/* What the child prints outside of blocks is not shown. */
	run->out = NULL;
	return true;
}

bool run_template(struct template_run *run, const struct template *template) {
	struct inheritance *inheritance = run->inheritance;
	const struct template *before = run->template;
	struct buf *out = run->out;
	bool is_ok = false;
	inheritance->was_capturing = run->is_capturing;
	do {
		struct ancestor *ancestor = ARENA_NEW(run->arena, struct ancestor);
		*ancestor = (struct ancestor){inheritance->ancestors, template};
		inheritance->ancestors = ancestor;
		inheritance->parent = NULL;
		run->template = template;
		run->out = out;
		is_ok = add_blocks(run, template) &&
			run_statements(run, template->body) != FLOW_FAILED;
		template = inheritance->parent;
	} while (is_ok && template != NULL);
	run->out = out;
	run->template = before;
	return is_ok;
}

/* ---- include, import ---- */

/* A failure within a template that was asked for is told as one of the asking statement, as
 * minijinja does; limits stay what they are. */
static bool fail_within(
	struct template_run *run, const struct node *node, const struct template *asking) {
	struct template_error inner = *run->error;
	if (inner.kind == TEMPLATE_ERROR_LIMIT) {
		return false;
	}
	run->has_failed = false;
	run->template = asking;
	run->at = node;
	bool is_told = inner.kind == TEMPLATE_ERROR_BAD_INCLUDE;
	template_fail(run, TEMPLATE_ERROR_BAD_INCLUDE, "%s%s%s%s", is_told ? "" : "in ",
		is_told ? ""
			: arena_printf(run->arena, "%s:%u:%u: ", inner.place.name, inner.place.line,
				  inner.place.column)
				  .data,
		is_told ? ""
			: arena_printf(run->arena, "%s: ", template_error_kind_name(inner.kind))
				  .data,
		inner.message);
	run->error->hint = inner.hint;
	return false;
}

/* Renders another template in the frames as they are, with an inheritance of its own. */
static bool run_other(
	struct template_run *run, const struct node *node, const struct template *template) {
	struct inheritance *before = run->inheritance;
	struct inheritance inheritance = {0};
	const struct template *asking = run->template;
	/* Macros of the other template remember on their own. */
	struct frame *frame = run->frame;
	struct value_map *closure = frame->closure;
	if (!run_recurse(run)) {
		return false;
	}
	frame->closure = NULL;
	run->inheritance = &inheritance;
	bool is_ok = run_template(run, template);
	run->inheritance = before;
	frame->closure = closure;
	run->recursion--;
	if (!is_ok) {
		run->frame = frame;
		fail_within(run, node, asking);
	}
	return is_ok;
}

/* Syntax errors are the other template's: their own place says more. */
bool run_include(struct template_run *run, const struct node *node) {
	const struct template *template = find(run, node, node->include.ignores_missing);
	if (!template) {
		return !run->has_failed;
	}
	return run_other(run, node, template);
}

struct module {
	struct value_object object;
	struct value text;
	const struct value_map *names;
};

static const struct module *module_of(const struct value_object *object) {
	return (const struct module *)(const void *)object;
}

static bool module_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	(void)arena;
	const struct value_pair *pair = value_map_find(module_of(object)->names, key);
	*out = pair ? pair->value : value_undefined();
	return true;
}

static struct value module_map(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_of_map(module_of(object)->names);
}

static struct value module_plain(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return module_of(object)->text;
}

static const struct value_object_kind module_kind = {
	.name = "module",
	.get = module_get,
	.plain = module_plain,
	.map = module_map,
};

/* Renders the template in a scope of its own; its names and its text are the module. */
static bool run_module(struct template_run *run, const struct node *node, struct module *module) {
	const struct template *template = find(run, node, false);
	struct frame frame;
	struct capture capture;
	if (!template) {
		return false;
	}
	run_push_frame(run, &frame);
	run_capture(run, &capture);
	bool is_ok = run_other(run, node, template);
	is_ok = run_end_capture(run, &capture, is_ok, &module->text);
	run_pop_frame(run);
	struct value_map *names = ARENA_NEW(run->arena, struct value_map);
	*names = frame.locals;
	module->object.kind = &module_kind;
	module->names = names;
	return is_ok;
}

bool run_import(struct template_run *run, const struct node *node) {
	struct module *module = ARENA_NEW(run->arena, struct module);
	if (!run_module(run, node, module)) {
		return false;
	}
	if (node->kind == NODE_IMPORT) {
		return run_set(run, node->include.as, value_object(&module->object));
	}
	for (const struct node_binding *binding = node->include.names; binding;
		binding = binding->next) {
		struct value value = value_map_get(module->names, value_string(binding->name));
		if (!run_set(run, binding->target->name.name, value)) {
			return false;
		}
	}
	return true;
}
