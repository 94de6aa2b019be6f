/* backends.c: the command `backends`: what may be asked, and by which means (workflows.md 8.2). */
#include <stdlib.h>
#include <string.h>

#include "cli/list.h"

static const char *const kinds[] = {"cli", "http", "claude-api", "mock"};
static const char *const titles[] = {"ENABLED", "NAME", "KIND", "COMMAND", NULL};

static size_t count(const struct runner_config *runner) {
	return runner->backends.len;
}

/* The program with its arguments, or where the API is. */
static void add_command(struct list *list, const struct runner_backend *backend) {
	struct buf text = {0};
	bool is_api = backend->kind != RUNNER_BACKEND_CLI && backend->base_url.len > 0;
	buf_append(&text, is_api ? backend->base_url : backend->command);
	for (size_t i = 0; i < backend->args.len && !is_api; i++) {
		buf_printf(&text, " %.*s", SLICE_FMT(backend->args.items[i]));
	}
	list_add(list, "%.*s", SLICE_FMT(buf_slice(&text)));
	buf_finish(&text);
}

static void fill(struct list *list, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->backends.len; i++) {
		const struct runner_backend *backend = &runner->backends.items[i];
		list_add(list, "%s", backend->is_enabled ? "on" : "off");
		list_add(list, "%.*s", SLICE_FMT(backend->name));
		list_add(list, "%s", kinds[backend->kind]);
		add_command(list, backend);
	}
}

static void put_masked(struct json_writer *w, const char *key, struct slice text) {
	char *copy = strndup(text.data ? text.data : "", text.len);
	if (copy) {
		error_mask_secrets(copy);
	}
	json_put_cstr(w, key, copy ? copy : "");
	free(copy);
}

static void write(struct json_writer *w, const struct runner_config *runner) {
	for (size_t i = 0; i < runner->backends.len; i++) {
		const struct runner_backend *backend = &runner->backends.items[i];
		json_begin_object(w);
		json_put_string(w, "name", backend->name);
		json_put_bool(w, "enabled", backend->is_enabled);
		json_put_cstr(w, "kind", kinds[backend->kind]);
		put_masked(w, "command", backend->command);
		list_put_texts(w, "args", &backend->args);
		put_masked(w, "base_url", backend->base_url);
		put_masked(w, "model", backend->model);
		json_put_int(w, "timeout_ms", backend->timeout_ms);
		list_put_origin(w, &backend->place);
		json_end_object(w);
	}
}

static int backends_run(struct command_context *context) {
	static const struct list_command command = {count, fill, write, titles,
		"no backends are configured; [backends.NAME] in config.toml makes one"};
	return list_run(context, &command);
}

static const struct command_option options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_backends = {
	.name = "backends",
	.summary = "list the programs and APIs that workflows ask",
	.details = "One line each: on or off, name, kind, command. Keys are never shown.",
	.options = options,
	.run = backends_run,
};
