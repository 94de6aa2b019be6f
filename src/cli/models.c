/* models.c: the command `models`: what the configuration would serve, without asking anyone. */
#include <string.h>

#include "cli/command.h"
#include "mux/mux.h"

struct models {
	const struct command_context *context;
	const struct mux *mux;
	const char *pattern; /* NULL: all */
	size_t shown;
};

/* Each name, whole and without what stands before its last slash. */
static const char *next_id(const void *data, size_t index) {
	size_t count;
	const struct mux_model *all = mux_models(data, &count);
	if (index / 2 >= count) {
		return NULL;
	}
	const char *id = all[index / 2].id.data, *slash = strrchr(id, '/');
	return index % 2 && slash ? slash + 1 : id;
}

/* Part of the name, or a glob. */
static bool is_wanted(const struct models *models, const struct mux_model *model) {
	struct slice pattern = slice_of(models->pattern);
	return !models->pattern || slice_icontains(model->id, pattern) ||
	       slice_glob(pattern, model->id, true);
}

static void print_json(struct models *models) {
	size_t count;
	const struct mux_model *all = mux_models(models->mux, &count);
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, true);
	json_begin_array(&w);
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(models, &all[i])) {
			continue;
		}
		json_begin_object(&w);
		json_put_string(&w, "id", all[i].id);
		json_put_cstr(&w, "backend", all[i].owned_by);
		json_write_key(&w, "context_tokens");
		if (all[i].context_tokens > 0) {
			json_write_int(&w, all[i].context_tokens);
		} else {
			json_write_null(&w);
		}
		json_put_bool(&w, "demo", all[i].is_demo);
		json_end_object(&w);
		models->shown++;
	}
	json_end_array(&w);
	fprintf(models->context->out, "%.*s\n", SLICE_FMT(buf_slice(&out)));
	buf_finish(&out);
}

/* 200000 as "200k", 1048576 as "1048k": what a column of a table needs. */
static const char *context_text(const struct mux_model *model, char text[24]) {
	if (model->context_tokens <= 0) {
		return "-";
	}
	snprintf(text, 24, model->context_tokens >= 1000 ? "%lldk" : "%lld",
		(long long)(model->context_tokens >= 1000 ? model->context_tokens / 1000
							  : model->context_tokens));
	return text;
}

static void print_table(struct models *models) {
	size_t count;
	const struct mux_model *all = mux_models(models->mux, &count);
	int id_width = 5, backend_width = 7;
	for (size_t i = 0; i < count; i++) {
		if (is_wanted(models, &all[i])) {
			int id = (int)all[i].id.len, backend = (int)strlen(all[i].owned_by);
			id_width = id > id_width ? id : id_width;
			backend_width = backend > backend_width ? backend : backend_width;
		}
	}
	FILE *out = models->context->out;
	for (size_t i = 0; i < count; i++) {
		char context[24];
		if (!is_wanted(models, &all[i])) {
			continue;
		}
		if (models->shown++ == 0) {
			fprintf(out, "%-*s  %-*s  CONTEXT\n", id_width, "MODEL", backend_width,
				"BACKEND");
		}
		fprintf(out, "%-*.*s  %-*s  %7s%s\n", id_width, SLICE_FMT(all[i].id), backend_width,
			all[i].owned_by, context_text(&all[i], context),
			all[i].is_demo ? "  demo: built in, offline, not a real model" : "");
	}
}

static int no_match(const struct models *models) {
	const char *near = command_nearest(models->pattern, next_id, models->mux);
	return command_fail(models->context, COMMAND_FAILED,
		near ? "no model matches '%s'; did you mean '%s'?"
		     : "no model matches '%s'; llm-mux models lists all",
		models->pattern, near);
}

/* A backend that lists nothing would be missing from the table, and yet it can be asked. */
static void print_unlisted(const struct mux_backend_info *info, void *data) {
	FILE *err = data;
	if (info->takes_any_model && info->models == 0) {
		fprintf(err,
			"%s lists no models: ask for any as %s://NAME, or name them in its "
			"`models:`.\n",
			info->name, info->name);
	}
}

static int models_run(struct command_context *context) {
	struct config *config = command_load_config(context, NULL, 0);
	if (!config) {
		return COMMAND_USAGE;
	}
	const struct mux_options options = {.config = config, .user_agent = command_user_agent()};
	struct error error;
	struct mux *mux = mux_create(&options, &error);
	config_unref(config);
	if (!mux) {
		return command_fail(context, COMMAND_USAGE, "%s", error.message);
	}
	struct models models = {.context = context,
		.mux = mux,
		.pattern = context->argument_count > 0 ? context->arguments[0] : NULL};
	if (command_has(context, "json")) {
		print_json(&models);
	} else {
		print_table(&models);
	}
	int code = models.shown == 0 ? no_match(&models) : COMMAND_OK;
	if (code == COMMAND_OK && !models.pattern && !mux_is_ready(mux)) {
		fputs("Only the demo so far: set OPENAI_API_KEY or ANTHROPIC_API_KEY, or add "
		      "providers (llm-mux init).\n",
			context->err);
	}
	if (!models.pattern) {
		mux_each_backend(mux, print_unlisted, context->err);
	}
	mux_destroy(mux);
	return code;
}

static const struct command_option models_options[] = {
	{0, "json", NULL, "as a JSON array", NULL},
	{0, NULL, NULL, NULL, NULL},
};

const struct command command_models = {
	.name = "models",
	.summary = "list the models that would be served",
	.usage = "[NAME]",
	.details = "From the configuration alone: no provider is asked. NAME is part of a model's\n"
		   "name, or a pattern with *.",
	.options = models_options,
	.max_arguments = 1,
	.run = models_run,
};
