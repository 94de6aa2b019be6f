/* exit_watch.c: a descriptor that becomes readable when a child has exited.
 *
 * A pidfd where the system has them (Linux 5.3), else a pipe whose other end a waiting thread
 * closes: older kernels, sandboxes that refuse the call, valgrind. Not SIGCHLD: it is one signal
 * for all children of all loops, and its handler belongs to the program, not to a library in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/process_internal.h"

struct waiter {
	pid_t pid;
	int fd; /* closed at the end */
};

static void *wait_for_exit(void *data) {
	struct waiter *waiter = data;
	siginfo_t info;
	while (waitid(P_PID, (id_t)waiter->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
	}
	close(waiter->fd);
	free(waiter);
	return NULL;
}

/* False and errno. */
static bool start_thread(struct exit_watch *watch, pid_t pid) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return false;
	}
	struct waiter *waiter = mem_calloc(1, sizeof *waiter);
	*waiter = (struct waiter){.pid = pid, .fd = ends[1]};
	/* Signals are for the threads that expect them. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int number = pthread_create(&watch->thread, NULL, wait_for_exit, waiter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (number != 0) {
		close(ends[0]);
		close(ends[1]);
		free(waiter);
		errno = number;
		return false;
	}
	watch->has_thread = true;
	watch->fd = ends[0];
	return true;
}

bool exit_watch_start(struct exit_watch *watch, pid_t pid) {
	watch->fd = pidfd_open(pid, 0);
	bool has_no_such_call = watch->fd < 0 && errno != EMFILE && errno != ENFILE;
	return watch->fd >= 0 || (has_no_such_call && start_thread(watch, pid));
}

void exit_watch_close(struct exit_watch *watch) {
	if (watch->fd >= 0) {
		close(watch->fd);
		watch->fd = -1;
	}
}

/* False at its end. */
static bool drain(int fd) {
	char ignored[16 * 1024];
	ssize_t len = read(fd, ignored, sizeof ignored);
	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

#define MAX_DRAINED 2

void exit_watch_wait(
	const struct exit_watch *watch, const int *drained, size_t count, uint64_t limit_ms) {
	struct pollfd fds[1 + MAX_DRAINED] = {{.fd = watch->fd, .events = POLLIN}};
	uint64_t end_ms = clock_monotonic_ms() + limit_ms;
	for (size_t i = 0; i < count && i < MAX_DRAINED; i++) {
		fds[1 + i] = (struct pollfd){.fd = drained[i], .events = POLLIN};
	}
	for (uint64_t now_ms = end_ms - limit_ms; now_ms < end_ms; now_ms = clock_monotonic_ms()) {
		uint64_t left_ms = end_ms - now_ms;
		int ready =
			poll(fds, (nfds_t)(1 + count), left_ms < INT_MAX ? (int)left_ms : INT_MAX);
		if ((ready < 0 && errno != EINTR) || (ready > 0 && fds[0].revents != 0)) {
			return;
		}
		for (size_t i = 1; ready > 0 && i <= count; i++) {
			if (fds[i].revents != 0 && !drain(fds[i].fd)) {
				fds[i].fd = -1;
			}
		}
	}
}

void exit_watch_join(struct exit_watch *watch) {
	if (watch->has_thread) {
		pthread_join(watch->thread, NULL);
		watch->has_thread = false;
	}
}
