/* project_kind.h: what kind of project a directory is, by its files: for `init` and `context`. */
#ifndef LLMMUX_CLI_PROJECT_KIND_H
#define LLMMUX_CLI_PROJECT_KIND_H

#include "cli/command.h"

#define PROJECT_KIND_ROLES 3
struct project_kind {
	const char *name;           /* "rust" */
	const char *const *endings; /* ".rs"; ends with NULL */
	struct {
		const char *name, *description;
	} roles[PROJECT_KIND_ROLES]; /* the rest NULL */
};

struct project_files {
	struct {
		const char **items; /* relative paths, sorted */
		size_t len, cap;
	} all;
	const struct project_kind *kind; /* NULL: none of the known ones */
	size_t kind_count;               /* files of that kind */
};
/* The tracked files of a git repository, else what lies at most three levels deep; at most
 * PROJECT_FILES_MAX. In the arena. */
#define PROJECT_FILES_MAX 20000
void project_files_find(const char *dir, struct arena *arena, struct project_files *files);

/* ---- init_files.c: files that commands write for the user ---- */
struct file_writer {
	const struct command_context *context;
	struct arena *arena;
	const char *within; /* directory that it does not leave by a link; NULL: none */
	bool is_forced;     /* overwrites, and keeps the old one as .bak */
	bool has_written;   /* anything */
};
/* Writes what is missing, and says so; false after a message. */
bool file_writer_put(
	struct file_writer *writer, const char *path, struct slice text, unsigned mode);
/* As file_writer_put, for a file of a project: what the user let us write is trusted. */
bool file_writer_put_trusted(struct file_writer *writer, const char *path, struct slice text);

/* ---- init_runner.c ---- */
/* Looks for programs and servers that answer, and writes CFGDIR/config.toml with them. */
bool init_runner(struct file_writer *writer, bool detects);

/* ---- init_project.c ---- */
/* DIR/.llm-mux/config.toml with roles, and a first workflow. */
bool init_project(struct file_writer *writer, const char *dir);
/* The configuration of a project: its team and roles, asked of the backends of `default`. */
void project_config_text(const struct command_context *context, const struct project_files *files,
	struct arena *arena, struct buf *out);
/* The directory of -C, or where we are. */
const char *project_dir_of(const struct command_context *context, struct arena *arena);

#endif
