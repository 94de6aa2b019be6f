/* mentions.c: what a template mentions, with what the templates mention that it includes. */
#include "workflow/workflow_internal.h"

/* A template that others include, as read and parsed. */
struct included {
	const char *path; /* NULL: it could not be read */
	struct slice text;
	const struct template *template; /* NULL: see reason */
	const char *reason;
};

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

/* What is behind a name; kept, where the caller keeps it. */
static const struct included *find_included(struct walk *walk, struct slice name) {
	struct included *included = map_get(&walk->workflow->included, name);
	if (included) {
		return included;
	}
	included = ARENA_NEW(walk->arena, struct included);
	struct error error = {0};
	struct template_error failure = {0};
	if (!workflow_read_beside(
		    walk->workflow, walk->arena, name, &included->path, &included->text, &error)) {
		included->reason = arena_strdup(walk->arena, slice_of(error.message));
	} else {
		struct template_options options = {
			.name = included->path, .undefined = TEMPLATE_STRICT};
		included->template = template_parse(walk->arena, &walk->workflow->environment,
			&options, included->text, &failure);
	}
	if (included->path && !included->template) {
		included->reason = arena_printf(walk->arena, "included template, %s:%u:%u: %s",
			included->path, failure.place.line, failure.place.column, failure.message)
					   .data;
	}
	if (walk->mentions->keeps) {
		map_put(walk->mentions->keeps, name, included);
	}
	return included;
}

static void visit_included(struct walk *walk, const struct template_mention *mention, size_t at) {
	struct slice name = mention->segments[0];
	if (was_seen(walk, name)) {
		return;
	}
	const struct included *included = find_included(walk, name);
	if (!included->template) {
		if (walk->mentions->broken) {
			walk->mentions->broken(walk->mentions->data, at, included->reason);
		}
		return;
	}
	struct walk inner = *walk;
	inner.file = included->path;
	inner.at = at;
	template_visit(included->template, visit_mention, &inner);
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

void workflow_hash_included(const struct workflow *workflow, struct buf *out) {
	size_t at = 0;
	for (const struct map_entry *entry; (entry = map_next(&workflow->included, &at)) != NULL;) {
		const struct included *included = entry->value;
		uint64_t len = included->text.len;
		buf_append(out, slice_make((const char *)&len, sizeof len));
		buf_append(out, included->text);
	}
}

void workflow_keep_included(struct workflow *workflow) {
	size_t at = 0;
	for (const struct map_entry *entry; (entry = map_next(&workflow->included, &at)) != NULL;) {
		const struct included *included = entry->value;
		if (included->path) {
			workflow_add_source(workflow, included->path, included->text);
		}
	}
}

bool workflow_included_text(
	const struct workflow *workflow, struct slice name, struct slice *text) {
	const struct included *included = map_get(&workflow->included, name);
	if (included && included->path) {
		*text = included->text;
		return true;
	}
	return false;
}
