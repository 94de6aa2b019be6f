/* mentions.c: what a template mentions, with what the templates mention that it includes. */
#include "workflow/workflow_internal.h"

#define INCLUDED_MAX 64 /* files that one template may pull in: each is looked at once */

struct walk {
	const struct workflow *workflow;
	struct arena *arena;
	const struct workflow_mentions *mentions;
	struct slice seen[INCLUDED_MAX]; /* names of included files */
	size_t seen_count;
	const char *file; /* the included file that is looked at; NULL: the template itself */
	size_t at;        /* where the template itself includes it */
};

static void visit_mention(void *data, const struct template_mention *mention);

static bool was_seen(struct walk *walk, struct slice name) {
	for (size_t i = 0; i < walk->seen_count; i++) {
		if (slice_eq(walk->seen[i], name)) {
			return true;
		}
	}
	if (walk->seen_count == INCLUDED_MAX) {
		return true;
	}
	walk->seen[walk->seen_count++] = arena_dup(walk->arena, name);
	return false;
}

static void tell_broken(
	struct walk *walk, const struct template_mention *mention, size_t at, const char *reason) {
	if (walk->mentions->broken) {
		walk->mentions->broken(walk->mentions->data, mention, at, reason);
	}
}

static void visit_included(struct walk *walk, const struct template_mention *mention, size_t at) {
	struct slice name = mention->segments[0], text;
	if (was_seen(walk, name)) {
		return;
	}
	const char *path;
	struct error error = {0};
	if (!workflow_read_beside(walk->workflow, walk->arena, name, &path, &text, &error)) {
		tell_broken(walk, mention, at, error.message);
		return;
	}
	struct template_options options = {.name = path, .undefined = TEMPLATE_STRICT};
	struct template_error failure = {0};
	const struct template *template =
		template_parse(walk->arena, &walk->workflow->environment, &options, text, &failure);
	if (!template) {
		tell_broken(walk, mention, at,
			arena_printf(walk->arena, "included template, %s:%u:%u: %s", path,
				failure.place.line, failure.place.column, failure.message)
				.data);
		return;
	}
	struct walk inner = *walk;
	inner.file = path;
	inner.at = at;
	template_visit(template, visit_mention, &inner);
	/* What it has seen need not be seen again. */
	memcpy(walk->seen, inner.seen, sizeof walk->seen);
	walk->seen_count = inner.seen_count;
}

static void visit_mention(void *data, const struct template_mention *mention) {
	struct walk *walk = data;
	size_t at = walk->file ? walk->at : mention->place.offset;
	walk->mentions->visit(walk->mentions->data, mention, at, walk->file);
	if (mention->kind == TEMPLATE_MENTION_TEMPLATE) {
		visit_included(walk, mention, at);
	}
}

void workflow_visit(const struct workflow *workflow, struct arena *arena,
	const struct template *template, const struct workflow_mentions *mentions) {
	struct walk walk = {.workflow = workflow, .arena = arena, .mentions = mentions};
	template_visit(template, visit_mention, &walk);
}
