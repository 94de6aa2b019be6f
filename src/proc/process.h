/* process.h: child processes on a loop: pipes, limits, and the end of the whole tree.
 *
 *   process_start ──► on_output* ──► on_done (once, always, unless released before)
 *                       │ time-out, cap, process_stop: TERM to the group, grace, KILL to the group
 *
 * Each child leads a session and process group of its own: no terminal signal reaches it, and it
 * has no terminal to ask questions on. What is left of the group when the child is through is ended
 * with it (a daemon that makes its own session is on its own). A watchdog child (one per watchdog
 * object) kills the groups that are left when this process dies, whatever it dies of (SIGKILL too).
 *
 * Everything here is called on the loop's thread, but for the watchdog, which all loops share. */
#ifndef LLMMUX_PROC_PROCESS_H
#define LLMMUX_PROC_PROCESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "loop/loop.h"

struct process_watchdog;
/* Starts the watchdog child; NULL and an error when it cannot be. Do it early: it inherits what is
 * open. */
struct process_watchdog *process_watchdog_create(struct error *error);
/* Ends it (nothing is killed: every process must be done or released). Accepts NULL. */
void process_watchdog_destroy(struct process_watchdog *watchdog);
/* KILL to every group that is left, at once: those that were dismissed too. Accepts NULL. */
void process_watchdog_kill_all(const struct process_watchdog *watchdog);

enum process_stream {
	PROCESS_STDOUT,
	PROCESS_STDERR
};

enum process_end {
	PROCESS_EXITED,    /* result.exit_code */
	PROCESS_SIGNALLED, /* result.signal_number; exit_code is 128 + it */
	PROCESS_TIMED_OUT,
	PROCESS_TOO_MUCH, /* more output than max_output */
	PROCESS_STOPPED   /* process_stop */
};

struct process_result {
	enum process_end end;
	int exit_code, signal_number;
	struct slice out, err; /* what was kept: stdout whole, of stderr the last bytes */
	uint64_t err_dropped;  /* bytes of stderr that came before those */
	uint64_t duration_ms;
};

#define PROCESS_MAX_OUTPUT ((size_t)16 * 1024 * 1024)
#define PROCESS_KEPT_STDERR ((size_t)64 * 1024)
#define PROCESS_KILL_GRACE_MS 2000
#define PROCESS_PIPE_GRACE_MS 500 /* a grandchild may hold the pipes of a child that exited */

struct process_variable {
	const char *name, *value; /* value NULL: removed */
};

struct process_options {
	const char *const *argv; /* ends with NULL; argv[0] is looked up in the child's PATH */
	const char *cwd;         /* NULL: this process's */
	/* Over this process's environment, in order: of two of one name the later counts. */
	const struct process_variable *variables;
	size_t variable_count;
	bool inherits_stdin;
	/* Given on stdin, then closed; absent: the null device. Lives until on_done or release.
	 * That the child does not read it all is no error. */
	struct slice input;
	size_t max_output;      /* of stdout, also when it is streamed; 0: PROCESS_MAX_OUTPUT */
	uint64_t timeout_ms;    /* 0: none */
	uint64_t kill_grace_ms; /* 0: PROCESS_KILL_GRACE_MS */
	bool streams_output;    /* on_output is called; stdout is not kept, stderr is */
	struct process_watchdog *watchdog; /* may be NULL */
	/* Bytes as they come; may be NULL. */
	void (*on_output)(void *data, enum process_stream stream, struct slice bytes);
	/* The process and its group are gone. `result` lives until it returns. */
	void (*on_done)(void *data, const struct process_result *result);
	void *data;
};

struct process;
/* NULL and an error when it cannot be started: ERROR_UNAVAILABLE naming the program and the
 * system's reason (not found, no permission). No callback before it returns. Of the options only
 * the input is needed any longer. */
struct process *process_start(
	struct loop *loop, const struct process_options *options, struct error *error);
/* TERM, grace, KILL to the group; on_done follows with PROCESS_STOPPED. Does nothing when the end
 * was already asked for or has come. */
void process_stop(struct process *process);
/* KILL to the group at once; on_done follows. */
void process_kill(struct process *process);
/* Stops reading stdout, so that the child blocks when its pipe is full, and goes on. Time limits
 * run on. */
void process_pause(struct process *process);
void process_resume(struct process *process);
/* No callback comes any more; kills what runs; freed when it is gone. Must be called exactly once,
 * also after on_done (allowed inside it). Accepts NULL. */
void process_release(struct process *process);
/* As process_release, but what runs is asked first: TERM, grace, KILL to the group, on another
 * thread, for which the end of the loop waits. */
void process_dismiss(struct process *process);

/* The path of a program as execvp would find it with this PATH (NULL: the environment's), in the
 * arena; NULL when there is none. */
const char *process_find_program(struct arena *arena, const char *name, const char *path);

#endif
