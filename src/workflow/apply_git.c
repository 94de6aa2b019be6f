/* apply_git.c: asks git whether the files that will change are as committed (rollback = "git",
 * workflows.md 7.6). */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workflow/apply.h"

extern char **environ;

/* Paths of one call: far below what an argument list may hold. */
#define PATHS_PER_CALL ((size_t)200)
#define OPTIONS_MAX ((size_t)16)

/* Runs git quietly; its exit code, or -1 with an error. */
static int run_git(char *const *arguments, struct error *error) {
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	pid_t child;
	int number = posix_spawnp(&child, "git", &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (number != 0) {
		error_set_errno(error, ERROR_NOT_FOUND, number, "cannot run git");
		return -1;
	}
	int status = 0;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			error_set_errno(error, ERROR_INTERNAL, errno, "cannot wait for git");
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int ask(const char *dir, const char *const *question, size_t question_len,
	const char *const *paths, size_t count, struct error *error) {
	/* execve does not write to its arguments. */
	const char *arguments[OPTIONS_MAX + PATHS_PER_CALL + 1] = {
		"git", "--no-optional-locks", "--literal-pathspecs", "-C", dir};
	size_t len = 5;
	for (size_t i = 0; i < question_len; i++) {
		arguments[len++] = question[i];
	}
	for (size_t i = 0; i < count; i++) {
		arguments[len++] = paths[i];
	}
	return run_git((char *const *)arguments, error);
}
#define ASK(dir, question, paths, count, error)                                                    \
	ask((dir), (question), sizeof(question) / sizeof *(question), (paths), (count), (error))

static bool ask_about(const char *dir, const char *const *paths, size_t count,
	const char *const *existing, size_t existing_count, struct error *error) {
	/* Outside of a repository `git diff` would compare two plain files. */
	static const char *const has_commit[] = {"rev-parse", "--quiet", "--verify", "HEAD"};
	static const char *const differs[] = {"diff", "--quiet", "--no-ext-diff", "HEAD", "--"};
	static const char *const is_known[] = {"ls-files", "--error-unmatch", "--"};
	int code = ASK(dir, has_commit, NULL, 0, error);
	if (code > 0) {
		return error_set(error, ERROR_CONFIGURATION,
			"git cannot tell about %s (exit code %d): is it a repository with a "
			"commit?",
			dir, code);
	}
	if (code == 0) {
		code = ASK(dir, differs, paths, count, error);
	}
	if (code == 0 && existing_count > 0) {
		code = ASK(dir, is_known, existing, existing_count, error);
	}
	if (code == 0 || code == -1) {
		return code == 0;
	}
	if (code == 1) {
		return error_set(error, ERROR_CONFLICT,
			"some of the files to edit have changes that are not committed, or are not "
			"known to git; it could not bring them back");
	}
	return error_set(error, ERROR_INTERNAL, "git failed in %s with exit code %d", dir, code);
}

bool apply_is_clean_in_git(const struct apply_plan *plan, struct error *error) {
	const char *paths[PATHS_PER_CALL], *existing[PATHS_PER_CALL];
	for (size_t i = 0; i < plan->count;) {
		size_t count = 0, existing_count = 0;
		for (; i < plan->count && count + 2 <= PATHS_PER_CALL; i++) {
			const struct apply_file *file = &plan->files[i];
			paths[count++] = file->path;
			if (file->before.data) {
				existing[existing_count++] = file->path;
			}
			if (file->new_path) {
				paths[count++] = file->new_path;
			}
		}
		if (!ask_about(plan->dir, paths, count, existing, existing_count, error)) {
			return false;
		}
	}
	return true;
}
