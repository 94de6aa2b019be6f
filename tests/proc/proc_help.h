/* proc_help.h: run a child to its end and look at what became of it. */
#ifndef LLMMUX_TESTS_PROC_HELP_H
#define LLMMUX_TESTS_PROC_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proc/process.h"

/* One child and what it did. Zero it, set `options`, run it. */
struct child {
	struct loop *loop;
	struct process_options options;
	struct process *process;
	struct error error; /* when it could not be started */
	unsigned events, done_count;
	enum process_end end;
	int exit_code, signal_number;
	struct buf out, err; /* what was kept; streamed: what came */
	uint64_t err_dropped, duration_ms;
	/* Called at each event before anything else; may be NULL. Returns false to be left alone.
	 */
	void (*on_event)(struct child *child);
	bool is_released;
};

/* A directory of this test, made once and removed with everything in it by remove_dir. */
char *make_dir(void);
void remove_dir(char *dir);

/* argv of `sh -c SCRIPT NAME ARGUMENT` with up to one argument. */
void child_shell(struct child *child, const char *script, const char *argument);
/* Starts it; fails the test when it cannot be. */
void child_start(struct child *child, struct loop *loop);
/* Starts it on a loop of its own and runs that until the end. */
void child_run(struct child *child);
/* Releases and frees what is left. */
void child_finish(struct child *child);

/* Valgrind dies with an execve that fails, and looks for leaks at the end of every fork. */
bool is_under_valgrind(void);

/* Waits for a condition that another process makes true; false after ten seconds. */
bool wait_until(bool (*condition)(const void *data), const void *data);
/* Whether a process of that number runs (a zombie does not). */
bool is_running(int pid);
/* Waits until the file holds a line with a number, and returns it. */
int read_pid(const char *path);
/* Waits until it does not run any more. */
bool is_gone(int pid);

#endif
