/* workflow_internal.h: what the files that load and check workflows share.
 *
 *   table.c     rows of keys ─► struct            load.c      file ─► struct workflow
 *   include.c   files beside it                   step.c      one step's own rules
 *   templates.c which texts are templates         mentions.c  what these mention
 *   place.c     places, problems at them          graph*.c    edges, order, drawings
 *   check*.c    what needs more than one step     bind.c      arguments
 *   lookup.c    names ─► files                    workflow.c  words, finding by name */
#ifndef LLMMUX_WORKFLOW_INTERNAL_H
#define LLMMUX_WORKFLOW_INTERNAL_H

#include "data/nearest.h"
#include "workflow/workflow.h"

#define WORKFLOW_TEXT_MAX ((size_t)16 * 1024 * 1024) /* bytes of one file */
#define WORKFLOW_STEPS_MAX 100000
#define WORKFLOW_EDGES_MAX 4000000 /* a group counts once for each member and each that waits */
#define WORKFLOW_INCLUDE_DEPTH 16
#define WORKFLOW_MATRIX_MAX 10000 /* cells before `exclude` */
/* Suggestions are looked for this often in one check: with thousands of wrong names among thousands
 * of steps each would cost a pass over all names. */
#define WORKFLOW_SUGGESTIONS_MAX 50

/* ---- what kind of text a template is ---- */
enum template_use {
	TEMPLATE_USE_TEXT,        /* strict, printed as it is */
	TEMPLATE_USE_SHELL,       /* strict, values are quoted (6.6) */
	TEMPLATE_USE_CONDITION,   /* lenient expression */
	TEMPLATE_USE_EXPRESSION,  /* strict expression */
	TEMPLATE_USE_RETRY_PROMPT /* text with `error`, `source`, `original` */
};

/* Calls visit for every template of a step; key is what the file calls it. */
typedef void step_template_visit(
	void *data, const char *key, enum template_use use, struct step_template *text);
void workflow_each_template(
	const struct workflow_step *step, step_template_visit *visit, void *data);

/* What a template mentions, and what the templates mention that it includes by constant names.
 * `at` is the offset in its own text: of the mention, or of the tag that includes it. Parsed ones
 * go into the arena. A file that cannot be read or parsed is told as `broken` with its reason. */
struct workflow_mentions {
	void (*visit)(void *data, const struct template_mention *mention, size_t at,
		const char *included_file);
	void (*broken)(void *data, size_t at, const char *reason); /* may be NULL */
	void *data;
	struct map *keeps; /* gets what was included, for the next visits; or NULL */
};
void workflow_visit(const struct workflow *workflow, struct arena *arena,
	const struct template *template, const struct workflow_mentions *mentions);
/* Appends what templates include to what is hashed. */
void workflow_hash_included(const struct workflow *workflow, struct buf *out);
/* Makes them sources of the workflow, after it was hashed. */
void workflow_keep_included(struct workflow *workflow);
/* The text of one as it was when the workflow was loaded. False: no template names it as it is. */
bool workflow_included_text(const struct workflow *workflow, struct slice name, struct slice *text);

/* ---- loading ---- */
struct workflow_loader {
	struct workflow *workflow;
	struct problems *problems;
	struct {
		const char *real, *shown; /* canonical; as messages say it */
	} stack[WORKFLOW_INCLUDE_DEPTH];  /* the files being read */
	size_t depth;
	struct {
		const char **items;
		size_t len, cap;
	} included;        /* canonical paths of all that were read */
	size_t step_count; /* of all files so far */
	/* Names of macro files and the statement that imports each. */
	struct {
		struct option_pair *items;
		size_t len, cap;
	} macros;
};

/* As workflow_load, but gives what could be read beside the problems; NULL when that is nothing. */
struct workflow *workflow_load_anyway(
	const char *path, const char *origin, struct slice text, struct problems *problems);

/* A file that the workflow consists of; once each. Borrows. */
void workflow_add_source(struct workflow *workflow, const char *file, struct slice text);
/* Problems are told of one file at a time: the following ones are of the file of this place. */
void workflow_tell_of(const struct workflow *workflow, struct problems *problems, const char *file);
/* An error, or a warning, at a place of any file of the workflow. */
void workflow_problem(const struct workflow *workflow, struct problems *problems, bool is_warning,
	const struct option_place *place, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* At an offset of a template's text, as parsed. */
void workflow_template_problem(const struct workflow *workflow, struct problems *problems,
	bool is_warning, const struct step_template *text, size_t offset, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Problems from number `from` on get copies of their files' texts: they outlive the workflow. */
void workflow_keep_texts(struct problems *problems, size_t from);

/* A member of a table by key, `-` and `_` equal; NULL. */
const struct json *workflow_member(const struct json *table, const char *key);
/* Where a member's key stands; that of the table when it has none. */
struct option_place workflow_key_place(
	const struct option_place *table_place, const struct json *table, const char *key);
/* Where a member's value stands; that of the table when it has none. */
struct option_place workflow_value_place(
	const struct option_place *table_place, const struct json *table, const char *key);

/* Parses a text as a template; problems are added at their places. Absent texts stay absent. */
void workflow_parse_template(
	struct workflow_loader *loader, enum template_use use, struct step_template *text);
/* A list of named texts from a table: `env`, `with`. */
struct workflow_variables {
	struct workflow_variable *items;
	size_t len, cap;
};
void workflow_read_variables(struct workflow_loader *loader, const struct option_place *place,
	const char *what, const struct json *table, struct workflow_variables *out);

/* include.c */
bool workflow_is_name(struct slice text); /* [A-Za-z_][A-Za-z0-9_-]* */
/* Sets dir, root and the loader of templates. */
void workflow_find_root(struct workflow *workflow);
/* The file of that name beside the workflow, its canonical path; NULL with *error. */
const char *workflow_resolve(const struct workflow *workflow, struct arena *arena,
	struct slice name, struct error *error);
/* Reads it; *path is how messages name it. */
bool workflow_read_beside(const struct workflow *workflow, struct arena *arena, struct slice name,
	const char **path, struct slice *text, struct error *error);

/* step.c */
void workflow_finish_step(struct workflow_loader *loader, struct workflow_step *step);
void workflow_finish_args(struct workflow_loader *loader);

/* graph_edges.c: maps by name; edges, order, D3 */
void workflow_index(struct workflow *workflow);
/* False beyond WORKFLOW_EDGES_MAX: the graph is then not whole. */
bool workflow_connect(struct workflow *workflow);

/* ---- checking ---- */
struct workflow_checker {
	const struct workflow *workflow;
	const struct runner_config *runner; /* NULL: roles and backends are not looked at */
	const struct workflow_places *places;
	struct problems *problems;
	unsigned suggestions; /* looked for so far */
	bool *arg_is_used;    /* per declared argument */
	bool all_args_used;   /* `args` as a whole is mentioned */
	struct map told;      /* "file:offset" of findings in files that templates include */
};
/* True while another suggestion may be looked for. */
bool workflow_may_suggest(struct workflow_checker *checker);
/* The hint of the problem told last, when something is near; `before` stands before the name. */
void workflow_suggest(
	struct workflow_checker *checker, const struct nearest *nearest, const char *before);
void workflow_check_graph(struct workflow_checker *checker);
void workflow_check_templates(struct workflow_checker *checker);
void workflow_check_roles(struct workflow_checker *checker);
void workflow_check_nested(struct workflow_checker *checker);
/* workflow_check without the workflows that steps run. */
bool workflow_check_alone(const struct workflow *workflow, const struct runner_config *runner,
	const struct workflow_places *places, struct problems *problems);

#endif
