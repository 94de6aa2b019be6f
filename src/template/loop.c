/* loop.c: `for`, with its filter, its `loop` object and recursion. */
#include "template/run.h"

struct loop {
	struct value_object object;
	const struct node *node;
	const struct template *template;
	struct frame *outer; /* where the loop stands; NULL once it is over */
	const struct value_list *items;
	size_t at;
	unsigned depth;       /* 0-based */
	struct value changed; /* what changed() saw last: a list */
	bool has_seen;
};

static const struct loop *loop_of(const struct value_object *object) {
	return (const struct loop *)(const void *)object;
}

/* ---- what a template sees of it ---- */

enum loop_field {
	LOOP_INDEX,
	LOOP_INDEX0,
	LOOP_REVINDEX,
	LOOP_REVINDEX0,
	LOOP_FIRST,
	LOOP_LAST,
	LOOP_LENGTH,
	LOOP_DEPTH,
	LOOP_DEPTH0,
	LOOP_PREVITEM,
	LOOP_NEXTITEM,
	LOOP_FIELD_COUNT
};
static const char *const field_names[] = {
	[LOOP_INDEX] = "index",
	[LOOP_INDEX0] = "index0",
	[LOOP_REVINDEX] = "revindex",
	[LOOP_REVINDEX0] = "revindex0",
	[LOOP_FIRST] = "first",
	[LOOP_LAST] = "last",
	[LOOP_LENGTH] = "length",
	[LOOP_DEPTH] = "depth",
	[LOOP_DEPTH0] = "depth0",
	[LOOP_PREVITEM] = "previtem",
	[LOOP_NEXTITEM] = "nextitem",
	[LOOP_FIELD_COUNT] = NULL,
};

static struct value loop_field(const struct loop *loop, enum loop_field field) {
	int64_t at = (int64_t)loop->at;
	int64_t len = (int64_t)loop->items->len;
	switch (field) {
	case LOOP_INDEX:
		return value_int(at + 1);
	case LOOP_INDEX0:
		return value_int(at);
	case LOOP_REVINDEX:
		return value_int(len - at);
	case LOOP_REVINDEX0:
		return value_int(len - at - 1);
	case LOOP_FIRST:
		return value_bool(at == 0);
	case LOOP_LAST:
		return value_bool(at + 1 == len);
	case LOOP_LENGTH:
		return value_int(len);
	case LOOP_DEPTH:
		return value_int(loop->depth + 1);
	case LOOP_DEPTH0:
		return value_int(loop->depth);
	case LOOP_PREVITEM:
		return at > 0 ? loop->items->items[at - 1] : value_undefined();
	case LOOP_NEXTITEM:
		return at + 1 < len ? loop->items->items[at + 1] : value_undefined();
	case LOOP_FIELD_COUNT:
		break;
	}
	return value_undefined();
}

static bool loop_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	(void)arena;
	for (unsigned i = 0; key.type == VALUE_STRING && i < LOOP_FIELD_COUNT; i++) {
		if (slice_is(key.string, field_names[i])) {
			*out = loop_field(loop_of(object), (enum loop_field)i);
			return true;
		}
	}
	return false;
}

static struct value loop_map(const struct value_object *object, struct arena *arena) {
	struct value_map *map = value_map_new(arena);
	for (unsigned i = 0; i < LOOP_FIELD_COUNT; i++) {
		if (!value_map_put_named(arena, map, field_names[i],
			    loop_field(loop_of(object), (enum loop_field)i))) {
			break;
		}
	}
	return value_of_map(map);
}

static const char *const *loop_names(const struct value_object *object, struct arena *arena) {
	(void)object;
	(void)arena;
	return field_names;
}

static bool loop_print(const struct value_object *object, struct arena *arena, struct buf *out) {
	(void)arena;
	const struct loop *loop = loop_of(object);
	return buf_printf(out, "<loop %zu/%zu>", loop->at, loop->items->len);
}

static bool loop_call(const struct value_object *object, struct template_run *run,
	const struct value_arguments *arguments, struct value *out) {
	struct capture capture;
	run_capture(run, &capture);
	bool is_ok = run_loop_again(run, object, arguments);
	return run_end_capture(run, &capture, is_ok, out);
}

static const struct value_object_kind loop_kind = {
	.name = "loop",
	.get = loop_get,
	.map = loop_map,
	.names = loop_names,
	.call = loop_call,
	.print = loop_print,
};

bool value_is_loop(struct value value) {
	return value.type == VALUE_OBJECT && value.object->kind == &loop_kind;
}

/* Loops are made by run_loop alone, in memory that may be written. */
static struct loop *writable(const struct value_object *object) {
	return (struct loop *)(uintptr_t)object;
}

static bool loop_cycle(struct template_run *run, const struct loop *loop,
	const struct value_arguments *arguments, struct value *out) {
	if (arguments->count == 0) {
		return template_fail(
			run, TEMPLATE_ERROR_MISSING_ARGUMENT, "loop.cycle() needs an argument");
	}
	*out = arguments->items[loop->at % arguments->count];
	return true;
}

static bool loop_changed(struct template_run *run, struct loop *loop,
	const struct value_arguments *arguments, struct value *out) {
	struct value_list *seen = value_list_new(run->arena);
	for (size_t i = 0; i < arguments->count; i++) {
		if (!value_list_push(run->arena, seen, arguments->items[i])) {
			return run_fail_memory(run);
		}
	}
	struct value now = value_of_list(seen);
	*out = value_bool(!loop->has_seen || !value_equal(now, loop->changed, run->arena));
	loop->changed = now;
	loop->has_seen = true;
	return template_spend(run, value_weight(now));
}

bool run_loop_method(struct template_run *run, const struct value_object *object, struct slice name,
	const struct value_arguments *arguments, struct value *out, bool *is_method) {
	*is_method = true;
	if (slice_is(name, "cycle")) {
		return loop_cycle(run, loop_of(object), arguments, out);
	}
	if (slice_is(name, "changed")) {
		return loop_changed(run, writable(object), arguments, out);
	}
	*is_method = false;
	return true;
}

/* ---- running it ---- */

/* The items the filter lets through; the filter sees the names, but no `loop`. */
static const struct value_list *filter_items(
	struct template_run *run, const struct node *node, const struct value_list *items) {
	struct value_list *kept = value_list_new(run->arena);
	struct frame frame;
	bool is_ok = true;
	run_push_frame(run, &frame);
	for (size_t i = 0; is_ok && i < items->len; i++) {
		struct value value;
		bool is_kept = false;
		is_ok = run_assign(run, node->loop.target, items->items[i]) &&
			run_evaluate(run, node->loop.condition, &value) &&
			run_is_true(run, node->loop.condition, value, &is_kept);
		if (is_ok && is_kept && !value_list_push(run->arena, kept, items->items[i])) {
			is_ok = run_fail_memory(run);
		}
	}
	run_pop_frame(run);
	return is_ok ? kept : NULL;
}

/* All turns share one frame, as in minijinja: what one sets, the next ones see. */
static enum flow run_turns(struct template_run *run, struct loop *loop) {
	const struct node *node = loop->node;
	for (loop->at = 0; loop->at < loop->items->len; loop->at++) {
		run->at = node->loop.target;
		if (!template_spend(run, 1) ||
			!run_assign(run, node->loop.target, loop->items->items[loop->at])) {
			return FLOW_FAILED;
		}
		enum flow flow = run_statements(run, node->loop.body);
		if (flow == FLOW_FAILED || flow == FLOW_BREAK) {
			return flow;
		}
	}
	return FLOW_ON;
}

/* Over the items of `sequence`, at a depth. */
static enum flow run_loop(
	struct template_run *run, const struct node *node, struct value sequence, unsigned depth) {
	const struct value_list *items = run_iterate(run, sequence);
	if (!items) {
		return FLOW_FAILED;
	}
	if (node->loop.condition && (items = filter_items(run, node, items)) == NULL) {
		return FLOW_FAILED;
	}
	if (items->len == 0) {
		return run_statements(run, node->loop.otherwise);
	}
	struct loop *loop = arena_try_alloc(run->arena, sizeof *loop);
	if (!loop) {
		run_fail_memory(run);
		return FLOW_FAILED;
	}
	*loop = (struct loop){.object = {&loop_kind},
		.node = node,
		.template = run->template,
		.outer = run->frame,
		.items = items,
		.depth = depth};
	struct frame frame;
	run_push_frame(run, &frame);
	frame.loop = &loop->object;
	enum flow flow = run_turns(run, loop);
	run_pop_frame(run);
	loop->outer = NULL;
	loop->at = loop->at < items->len ? loop->at : items->len - 1;
	return flow == FLOW_FAILED ? FLOW_FAILED : FLOW_ON;
}

/* A loop that stands in a recursive one is a level deeper. */
static unsigned depth_here(const struct template_run *run) {
	const struct frame *frame = run->frame;
	while (frame && !frame->loop) {
		frame = frame->parent;
	}
	const struct loop *around = frame ? loop_of(frame->loop) : NULL;
	return around && around->node->loop.is_recursive ? around->depth + 1 : 0;
}

enum flow run_for(struct template_run *run, const struct node *node) {
	struct value sequence;
	if (!run_evaluate(run, node->loop.sequence, &sequence)) {
		return FLOW_FAILED;
	}
	if (sequence.type == VALUE_UNDEFINED && !sequence.is_silent &&
		template_run_is_strict(run)) {
		run_fail_undefined(run, node->loop.sequence);
		return FLOW_FAILED;
	}
	run->at = node->loop.sequence;
	return run_loop(run, node, sequence, depth_here(run));
}

bool run_loop_again(struct template_run *run, const struct value_object *object,
	const struct value_arguments *arguments) {
	const struct loop *loop = loop_of(object);
	if (!loop->node->loop.is_recursive || loop->outer == NULL) {
		return template_fail(run, TEMPLATE_ERROR_INVALID_OPERATION,
			loop->outer ? "the loop is not recursive: write `for ... recursive`"
				    : "the loop is over, it cannot be called");
	}
	if (arguments->count != 1 || (arguments->named && arguments->named->len > 0)) {
		return template_fail(run,
			arguments->count == 0 ? TEMPLATE_ERROR_MISSING_ARGUMENT
					      : TEMPLATE_ERROR_TOO_MANY_ARGUMENTS,
			"loop() takes one argument: what to go through");
	}
	if (!run_recurse(run)) {
		return false;
	}
	struct frame *frame = run->frame;
	const struct template *template = run->template;
	run->frame = loop->outer;
	run->template = loop->template;
	enum flow flow = run_loop(run, loop->node, arguments->items[0], loop->depth + 1);
	run->frame = frame;
	run->template = template;
	run->recursion--;
	return flow != FLOW_FAILED;
}
