/* config_internal.h: what the files of the loader share. Only for src/config. */
#ifndef LLMMUX_CONFIG_CONFIG_INTERNAL_H
#define LLMMUX_CONFIG_CONFIG_INTERNAL_H

#include "base/map.h"
#include "config/config.h"

/* One source of values: a file, the environment, the command line; each has its own problems. */
struct config_layer {
	const char *name; /* as shown and as in option_place.file */
	struct problems problems;
};

struct config_loader {
	const struct config_request *request;
	struct config *config;
	struct arena scratch; /* texts, trees and problems; gone after loading */
	const char *dir;      /* may be NULL */
	struct {
		struct config_layer **items;
		size_t len, cap;
	} layers;
	/* NAME -> struct config_variable, of the process and of .env */
	struct map variables;
};

struct config_variable {
	const char *name;
	struct slice value;
	const char *source; /* "environment" or the path of .env */
	uint32_t line;      /* in .env */
};

struct config_layer *config_layer_new(
	struct config_loader *loader, const char *name, struct slice text);
/* What a table of an upper layer of the configuration adds to loading. */
struct config_extension {
	/* Further files, between the user's and the environment. */
	void (*load)(struct config_loader *loader, void *data);
	/* Once all layers are in. */
	void (*check)(struct config_loader *loader, void *data);
	void *data;
};
/* As config_load, with an extension; it may be NULL. */
struct config *config_load_extended(const struct config_request *request,
	const struct config_extension *extension, bool colour, struct buf *report,
	struct error *error);
/* Reads a file of at most `max` bytes as one more layer; its text and tree live in the
 * configuration's arena. One that the user did not name must be a regular file. NULL after a
 * problem. */
struct json *config_parse_file(struct config_loader *loader, const char *path,
	enum document_kind kind, size_t max, bool was_named, struct config_layer **layer);
/* The layer a value came from; the last one when it is a default. */
struct problems *config_problems_of(struct config_loader *loader, struct option_place place);
/* Adds an error at a place, in the layer that it came from. */
void config_refuse(struct config_loader *loader, struct option_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A warning at a place. */
void config_warn(struct config_loader *loader, struct option_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a hint to what was said last at a place. */
void config_hint(struct config_loader *loader, struct option_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_note(struct config_loader *loader, bool is_warning, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* environment.c: reads the variables (process and .env) and sets the options they name. */
void config_read_variables(struct config_loader *loader);
void config_apply_variables(struct config_loader *loader);
/* NULL when unset or blank. */
const struct config_variable *config_variable(const struct config_loader *loader, const char *name);

/* providers.c: checks and completes the providers, or makes them of the environment. */
void config_finish_providers(struct config_loader *loader);

/* What OLLAMA_HOST says, in any of the spellings that Ollama takes (host, host:port, :port, [v6],
 * with or without a scheme), as a base URL in the arena. An address to listen on becomes one to
 * connect to. */
struct slice config_ollama_url(struct arena *arena, struct slice text);

#endif
