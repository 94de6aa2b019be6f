/* spawn.c: from this process to a program, by vfork and execve.
 *
 * vfork, because the cost of fork grows with the memory of this process; the child shares it until
 * it is a program, so it makes system calls alone. What fails there comes back over a pipe that
 * execve closes. Not posix_spawn: it has no place to tell the watchdog in. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "proc/process_internal.h"

/* Handlers would run in the child, and what is ignored here is not to be ignored there (SIGPIPE
 * above all: a writer whose reader has left would write on). */
static void reset_signals(void) {
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;
		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL) {
			action = (struct sigaction){.sa_handler = SIG_DFL};
			sigaction(number, &action, NULL);
		}
	}
}

static void fail(int report, enum spawn_stage stage) __attribute__((noreturn));
static void fail(int report, enum spawn_stage stage) {
	struct spawn_failure failure = {.stage = stage, .number = errno};
	ssize_t written = write(report, &failure, sizeof failure);
	(void)written; /* nobody else to tell */
	_exit(127);
}

static void become(const struct spawn *spawn, int report) __attribute__((noreturn));
static void become(const struct spawn *spawn, int report) {
	setsid();
	watchdog_add_self(spawn->watchdog);
	reset_signals();
	if ((spawn->input >= 0 && dup2(spawn->input, 0) < 0) || dup2(spawn->output, 1) < 0 ||
		dup2(spawn->error, 2) < 0) {
		fail(report, SPAWN_FORK);
	}
	/* Ours are closed on exec anyway; those that we inherited ourselves need not be. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (spawn->cwd != NULL && chdir(spawn->cwd) != 0) {
		fail(report, SPAWN_DIRECTORY);
	}
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(spawn->program, spawn->argv, spawn->environment);
	if (errno == ENOEXEC) {
		execve("/bin/sh", spawn->shell_argv, spawn->environment);
	}
	fail(report, SPAWN_PROGRAM);
}

/* A function of its own, which has no variable that the child could spoil. */
static pid_t branch(const struct spawn *spawn, int report) __attribute__((noinline));
static pid_t branch(const struct spawn *spawn, int report) {
	pid_t pid = vfork();
	if (pid == 0) {
		become(spawn, report);
	}
	return pid;
}

/* False when the child became its program. */
static bool read_failure(int report, struct spawn_failure *failure) {
	ssize_t len;
	do {
		len = read(report, failure, sizeof *failure);
	} while (len < 0 && errno == EINTR);
	return len == (ssize_t)sizeof *failure;
}

/* Children of a process that ignores SIGCHLD leave no status. */
static void expect_children(void) {
	struct sigaction action;
	if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
		action = (struct sigaction){.sa_handler = SIG_DFL};
		sigaction(SIGCHLD, &action, NULL);
	}
}

pid_t spawn_child(const struct spawn *spawn, struct spawn_failure *failure) {
	int report[2];
	*failure = (struct spawn_failure){.stage = SPAWN_FORK};
	if (pipe2(report, O_CLOEXEC) != 0) {
		failure->number = errno;
		return -1;
	}
	/* Above 2, or the child's dup2 would replace it. */
	report[1] = spawn_raise(report[1]);
	if (report[1] < 0) {
		failure->number = errno;
		close(report[0]);
		return -1;
	}
	expect_children();
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = branch(spawn, report[1]);
	failure->number = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	if (pid > 0 && read_failure(report[0], failure)) {
		watchdog_remove(spawn->watchdog, pid);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
		pid = -1;
	}
	close(report[0]);
	return pid;
}

int spawn_raise(int fd) {
	if (fd < 0 || fd > 2) {
		return fd;
	}
	int raised = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int number = errno;
	close(fd);
	errno = number;
	return raised;
}
