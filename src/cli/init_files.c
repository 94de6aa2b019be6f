/* init_files.c: files that `init` and `context` write for the user: only what is missing, unless
 * told otherwise. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/project_kind.h"
#include "config/trust.h"

static bool make_parent(const char *path, unsigned mode, struct arena *arena, struct error *error) {
	const char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path) {
		return true;
	}
	const char *dir = arena_strdup(arena, slice_make(path, (size_t)(slash - path)));
	return file_exists(dir) || file_make_dir(dir, mode, error);
}

/* Whether the directory that a file is put in, or the nearest above it that is there, lies in the
 * one it must not leave: a cloned project may have links in the place of directories. */
static bool check_within(const struct file_writer *writer, const char *path, struct error *error) {
	char *above = arena_strdup(writer->arena, slice_of(path));
	char *slash = strrchr(above, '/');
	while (slash != NULL && slash != above) {
		*slash = '\0';
		if (file_exists(above)) {
			break;
		}
		slash = strrchr(above, '/');
	}
	return writer->within == NULL || file_lies_within(above, writer->within) ||
	       error_set(error, ERROR_PERMISSION,
		       "%s is not written: %s leads out of the project; remove the link", path,
		       above);
}

static bool keep_backup(struct file_writer *writer, const char *path, struct error *error) {
	struct buf old;
	buf_init(&old, 0);
	const char *backup = arena_printf(writer->arena, "%s.bak", path).data;
	bool is_kept = file_read_regular(path, CONFIG_FILE_MAX, &old, error) &&
		       file_write_atomic(backup, buf_slice(&old), 0600, error);
	buf_finish(&old);
	if (is_kept) {
		fprintf(writer->context->out, "kept the old file as %s\n", backup);
	}
	return is_kept;
}

bool file_writer_put(
	struct file_writer *writer, const char *path, struct slice text, unsigned mode) {
	struct error error = {0};
	bool is_there = file_exists(path);
	if (is_there && !writer->is_forced) {
		fprintf(writer->context->out, "%s exists and stays as it is\n", path);
		return true;
	}
	bool is_private = (mode & 0077) == 0;
	if (!check_within(writer, path, &error) ||
		!make_parent(path, is_private ? 0700 : 0755, writer->arena, &error) ||
		(is_there && !keep_backup(writer, path, &error)) ||
		!file_write_atomic(path, text, mode, &error)) {
		command_fail(writer->context, COMMAND_FAILED, "%s", error.message);
		return false;
	}
	fprintf(writer->context->out, "wrote %s\n", path);
	writer->has_written = true;
	return true;
}

bool file_writer_put_trusted(struct file_writer *writer, const char *path, struct slice text) {
	struct error error = {0};
	char canonical[PATH_MAX];
	bool stays = file_exists(path) && !writer->is_forced;
	if (!file_writer_put(writer, path, text, 0644)) {
		return false;
	}
	if (!stays && (realpath(path, canonical) == NULL || !trust_add(canonical, text, &error))) {
		fprintf(writer->context->err, "warning: %s is not trusted yet: llm-mux trust\n",
			path);
	}
	return true;
}
