/* run_log.c: the log of a run: the lines of the console, in a file of its own (`output.handlers`,
 * `output.log.*`; workflows.md 8.6, 10). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/run.h"

#define LOG_ENDING ".log"
#define DAY_SECONDS ((int64_t)24 * 60 * 60)

static bool has_handler(const struct runner_config *runner, const char *name) {
	for (size_t i = 0; i < runner->output.handlers.len; i++) {
		if (slice_is(runner->output.handlers.items[i], name)) {
			return true;
		}
	}
	return false;
}

bool run_log_has_console(const struct runner_config *runner) {
	return has_handler(runner, "console");
}

/* output.log.dir, relative to the project; PROJECT/.llm-mux/logs when it is not set. */
static const char *log_dir(const struct runner_config *runner, struct arena *arena) {
	const char *project = runner->project_dir ? runner->project_dir : runner->dir;
	if (runner->output.log_dir.len == 0) {
		return file_join(arena, project, ".llm-mux/logs");
	}
	const char *dir = file_expand(arena, runner->output.log_dir);
	return dir[0] == '/' ? dir : file_join(arena, project, dir);
}

/* NAME-20260131-235959-xxxxxx.log, as runs are called: a directory of the user's may hold other
 * programs' logs, too. */
static bool is_run_log(struct slice name) {
	static const char form[] = "-########-######-******" LOG_ENDING;
	const size_t len = sizeof form - 1;
	struct slice end = slice_from(name, name.len > len ? name.len - len : name.len);
	bool is_log = end.len == len;
	for (size_t i = 0; is_log && i < len; i++) {
		is_log = form[i] == '#' ? end.data[i] >= '0' && end.data[i] <= '9'
					: form[i] == '*' || form[i] == end.data[i];
	}
	return is_log;
}

/* Logs that are older than they are to be kept. */
static void remove_old(const char *dir, int64_t days) {
	DIR *directory = opendir(dir);
	time_t oldest = time(NULL) - (time_t)(days * DAY_SECONDS);
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		struct stat status;
		if (is_run_log(slice_of(entry->d_name)) &&
			fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ==
				0 &&
			S_ISREG(status.st_mode) && status.st_mtime < oldest) {
			unlinkat(dirfd(directory), entry->d_name, 0);
		}
	}
	if (directory) {
		closedir(directory);
	}
}

bool run_log_open(struct run_session *session, const struct run_display_options *console) {
	struct error error = {0};
	const struct runner_config *runner = session->runner;
	if (!has_handler(runner, "log") || session->flags.is_dry_run || !console->run_id) {
		return true;
	}
	const char *dir = log_dir(runner, &session->arena);
	const char *path =
		arena_printf(&session->arena, "%s/%s" LOG_ENDING, dir, console->run_id).data;
	/* As with records: what a run said is nobody's commit. */
	const char *ignore = file_join(&session->arena, dir, ".gitignore");
	int fd = file_make_dir(dir, 0700, &error) &&
				 (file_exists(ignore) ||
					 file_write_atomic(ignore, SLICE("*\n"), 0600, &error))
			 ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600)
			 : -1;
	session->run_log = fd >= 0 ? fdopen(fd, "a") : NULL;
	if (!session->run_log) {
		if (error.kind == ERROR_NONE) {
			error_set_errno(&error, ERROR_PERMISSION, errno,
				"the log of the run %s cannot be opened", path);
		}
		if (fd >= 0) {
			close(fd);
		}
		return run_session_refuse(session, &error);
	}
	remove_old(dir, runner->output.retain_days);
	struct run_display_options options = *console;
	options.out = session->run_log;
	options.is_quiet = options.is_live = options.has_colour = options.streams = false;
	options.is_verbose = true;
	options.on_end = NULL;
	session->log_display = run_console_create(&options);
	return true;
}

void run_log_close(struct run_session *session) {
	run_display_destroy(session->log_display);
	session->log_display = NULL;
	if (session->run_log) {
		fclose(session->run_log);
		session->run_log = NULL;
	}
}
