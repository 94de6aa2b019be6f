/* process_internal.h: what the files of proc/ share.
 *
 *   process.c   one child's life on a loop: pipes, limits, the end of its group
 *   spawn.c     fork and exec, and what goes wrong before the program runs
 *   program.c   finding programs, making environments
 *   exit_watch.c  seeing a child's exit
 *   watchdog.c  the child that outlives us for a moment */
#ifndef LLMMUX_PROC_PROCESS_INTERNAL_H
#define LLMMUX_PROC_PROCESS_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include "proc/process.h"

/* ---- program.c ---- */

/* What to give to execve for a name, or NULL with an errno in *number. Relative paths count from
 * `cwd` (NULL: this process's directory), where the child will be. */
const char *program_find(
	struct arena *arena, const char *name, const char *path, const char *cwd, int *number);
/* This process's environment with the variables set or removed, ending with NULL. */
char **program_environment(
	struct arena *arena, const struct process_variable *variables, size_t count);
/* A variable of such a list; NULL when it is not set. */
const char *program_variable(char *const *environment, const char *name);

/* ---- spawn.c ---- */

struct spawn {
	const char *program; /* a path */
	char *const *argv;
	char *const *shell_argv; /* of /bin/sh, for a script without an interpreter line */
	char *const *environment;
	const char *cwd;   /* NULL: this process's */
	int input;         /* -1: inherited */
	int output, error; /* all descriptors are above 2 */
	/* Told the group before the program runs; may be NULL. */
	const struct process_watchdog *watchdog;
};
enum spawn_stage {
	SPAWN_FORK,
	SPAWN_DIRECTORY,
	SPAWN_PROGRAM
};
struct spawn_failure {
	enum spawn_stage stage;
	int number; /* errno */
};
/* The child, leading a session of its own, or -1. It is in the new program when this returns. */
pid_t spawn_child(const struct spawn *spawn, struct spawn_failure *failure);
/* A descriptor above 2 in place of `fd`, which is closed when it was none; -1 and errno. All are
 * closed on exec. */
int spawn_raise(int fd);

/* ---- exit_watch.c ---- */

struct exit_watch {
	int fd; /* readable when the child has exited, which stays a zombie; -1: closed */
	bool has_thread;
	pthread_t thread;
};
/* False and errno. */
bool exit_watch_start(struct exit_watch *watch, pid_t pid);
void exit_watch_close(struct exit_watch *watch);
/* Waits for the exit, at most so long, and reads what comes from the other descriptors (not
 * blocking ones; -1: none), or who writes there would end by that. */
void exit_watch_wait(
	const struct exit_watch *watch, const int *drained, size_t count, uint64_t limit_ms);
/* Before the child is reaped: nothing looks at its number any more. Waits for its exit. */
void exit_watch_join(struct exit_watch *watch);

/* ---- watchdog.c ---- */

/* Tells of the group that this process leads. Only system calls: a forked child calls it. Accepts
 * NULL. */
void watchdog_add_self(const struct process_watchdog *watchdog);
/* Another owner, which calls process_watchdog_destroy too: any thread, also after the first has.
 * Accepts NULL and returns its argument. */
struct process_watchdog *watchdog_ref(struct process_watchdog *watchdog);
/* The group was killed or never came to be. Before its leader is reaped: its number is free then.
 * Accepts NULL. */
void watchdog_remove(const struct process_watchdog *watchdog, pid_t group);

#endif
