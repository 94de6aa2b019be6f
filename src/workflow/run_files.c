/* run_files.c: where the files of a run are: the record's directory, or a private one that goes
 * with the run when no record is kept. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "workflow/journal.h"
#include "workflow/run_internal.h"

struct run_dir {
	char *path;
	unsigned users; /* the run, and work that may outlive it */
};

/* Inside the directory, whatever the name says: `..` and `/` lead out of it. */
static const char *safe_name(struct slice name, struct arena *arena) {
	char *text = arena_strdup(arena, name);
	for (char *at = text; *at != '\0'; at++) {
		bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
				(*at >= '0' && *at <= '9') || strchr("._-+", *at) != NULL;
		*at = is_plain && !(*at == '.' && at == text) ? *at : '_';
	}
	return text;
}

/* Steps may have the names of the outer workflow's, so a sub-workflow has a directory within. */
static const char *dir_in_record(struct run *run, struct error *error) {
	const char *dir = journal_dir(run->options.journal);
	if (run->options.parent != NULL) {
		dir = file_join(&run->arena, dir, safe_name(run->options.key_prefix, &run->arena));
		if (!file_make_dir(dir, 0700, error)) {
			return NULL;
		}
		run->writes_step_files = true;
	}
	run->dir = dir;
	return dir;
}

static const char *private_dir(struct run *run, struct error *error) {
	if (run->own_dir != NULL) {
		return run->own_dir->path;
	}
	const char *temporary = getenv("TMPDIR");
	char *path = arena_strdup(&run->arena,
		arena_printf(&run->arena, "%s/llm-mux-run-XXXXXX",
			temporary != NULL && temporary[0] == '/' ? temporary : "/tmp"));
	if (mkdtemp(path) == NULL) {
		error_set_errno(error, ERROR_CONFIGURATION, errno,
			"while making a directory for the files of the run, %s", path);
		return NULL;
	}
	run->own_dir = mem_calloc(1, sizeof *run->own_dir);
	run->own_dir->path = mem_dup(path, strlen(path));
	run->own_dir->users = 1;
	return path;
}

const char *run_files_dir(struct run *run, struct error *error) {
	if (run->dir == NULL && run->options.journal != NULL) {
		return dir_in_record(run, error);
	}
	if (run->dir == NULL) {
		run->dir = private_dir(run, error);
		run->writes_step_files = true;
	}
	return run->dir;
}

static bool holds_secret(const struct run *run, struct slice text) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool is_found = run->options.secrets != NULL &&
			runner_secrets_mask(run->options.secrets, text, &arena).data != text.data;
	arena_finish(&arena);
	return is_found;
}

/* The record has written it when the step ended; without one it is written when first asked for. In
 * the record secrets are masked: what the next step reads of one is in a file that goes with the
 * run. */
const char *run_step_file(struct run *run, size_t step, struct arena *arena) {
	const struct step_result *result = &run->results.items[step];
	struct error error = {0};
	if (result->status != STEP_OK && result->status != STEP_FAILED) {
		return NULL;
	}
	bool is_private = holds_secret(run, result->output);
	const char *dir = is_private ? private_dir(run, &error) : run_files_dir(run, &error);
	if (dir == NULL) {
		return NULL;
	}
	const char *path = arena_printf(arena, "%s/%.*s%s", dir, SLICE_FMT(result->step->name),
		result->status == STEP_FAILED ? ".failed.txt" : ".txt")
				   .data;
	if ((is_private || run->writes_step_files) && !file_exists(path) &&
		!file_write_atomic(path, result->output, 0600, &error)) {
		return NULL;
	}
	return path;
}

bool run_keep_file(struct run *run, struct slice name, struct slice bytes, struct error *error) {
	if (run->options.journal != NULL) {
		return journal_keep(run->options.journal, name, bytes, &run->arena, error) != NULL;
	}
	const char *dir = run_files_dir(run, error);
	return dir != NULL &&
	       file_write_atomic(file_join(&run->arena, dir, safe_name(name, &run->arena)), bytes,
		       0600, error);
}

void run_files_finish(struct run *run) {
	run_dir_unref(run->own_dir);
	run->own_dir = NULL;
}

/* ---- a directory that goes with its last user ---- */

struct run_dir *run_dir_ref(struct run *run) {
	if (run->own_dir != NULL) {
		run->own_dir->users++;
	}
	return run->own_dir;
}

/* Backups that somebody may still want are not empty directories, and stay. */
void run_dir_unref(struct run_dir *own) {
	if (own == NULL || --own->users > 0) {
		return;
	}
	DIR *dir = opendir(own->path);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0) { /* "." and ".." refuse */
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	rmdir(own->path);
	free(own->path);
	free(own);
}
