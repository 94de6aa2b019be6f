/* list.h: what the commands that list something share: aligned columns, or one JSON array. */
#ifndef LLMMUX_CLI_LIST_H
#define LLMMUX_CLI_LIST_H

#include "cli/command.h"

#define LIST_COLUMNS_MAX 8

struct list {
	struct arena arena;
	const char *const *titles; /* of the columns; ends with NULL */
	size_t columns;
	struct {
		const char **items;
		size_t len, cap;
	} cells;
};

/* The option --output of such commands; its row stands in their tables. */
extern const char *const list_outputs[];
#define LIST_OUTPUT_OPTION                                                                         \
	{ 0, "output", "MODE", "console, or json: one array", list_outputs }
/* False after a message when --output is no mode. */
bool list_wants_json(const struct command_context *context, bool *is_json);

void list_init(struct list *list, const char *const *titles);
void list_finish(struct list *list);
/* Adds a cell; rows fill up from the left. What looks like a key is masked, and what would move the
 * cursor of a terminal is shown as `?`. */
void list_add(struct list *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A list of texts as one cell: "a, b"; "-" when it is empty. */
void list_add_texts(struct list *list, const struct option_strings *texts);
/* Prints the rows; the titles above them on a terminal alone, so that lines can be counted. */
void list_print(const struct list *list, FILE *out);
/* A key and a list of texts, for JSON. */
void list_put_texts(struct json_writer *w, const char *key, const struct option_strings *texts);
/* "file:line" of what is listed, for JSON. */
void list_put_origin(struct json_writer *w, const struct option_place *place);

/* Runs a list command: loads, and prints with one of the two functions; `placeholder` when
 * `count` gives 0. */
struct list_command {
	size_t (*count)(const struct runner_config *runner);
	void (*fill)(struct list *list, const struct runner_config *runner);
	void (*write)(struct json_writer *w, const struct runner_config *runner);
	const char *const *titles;
	const char *placeholder;
};
int list_run(struct command_context *context, const struct list_command *command);

#endif
