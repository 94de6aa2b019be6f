/* watchdog.c: a child that kills the process groups its parent leaves behind.
 *
 *   parent and its children ── {group} ──► watchdog     a socket, which ends when the last of
 *                                                       them is gone or has become a program
 *
 * A child says which group it leads before it becomes a program, so there is no moment in which the
 * parent may die and the group be unknown: until then the child itself keeps the socket open. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "proc/process_internal.h"

struct process_watchdog {
	atomic_uint owners;
	int socket;
	pid_t pid;
};

/* A group that began, or (negative) one that is gone; 0: all are to be killed now. */
struct message {
	pid_t group;
};

/* What the watchdog knows. It must not use malloc: it is the fork of a process with threads. */
struct groups {
	pid_t *items;
	size_t len, cap;
};

#define GROUPS_AT_FIRST 1024

static void remember(struct groups *groups, pid_t group) {
	if (groups->len == groups->cap) {
		size_t cap = groups->cap != 0 ? 2 * groups->cap : GROUPS_AT_FIRST;
		void *items =
			groups->items == NULL
				? mmap(NULL, cap * sizeof *groups->items, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
				: mremap(groups->items, groups->cap * sizeof *groups->items,
					  cap * sizeof *groups->items, MREMAP_MAYMOVE);
		if (items == MAP_FAILED) {
			return;
		}
		groups->items = items;
		groups->cap = cap;
	}
	groups->items[groups->len++] = group;
}

static void forget(struct groups *groups, pid_t group) {
	for (size_t i = 0; i < groups->len; i++) {
		if (groups->items[i] == group) {
			groups->items[i] = groups->items[--groups->len];
			return;
		}
	}
}

static void kill_all(const struct groups *groups) {
	for (size_t i = 0; i < groups->len; i++) {
		kill(-groups->items[i], SIGKILL);
	}
}

/* All signals are blocked here, those of the terminal as well as SIGTERM: only the end of the
 * socket ends it. Descriptors it inherited are closed, or it would keep files, locks and pipes
 * open. */
static void watch(int socket) __attribute__((noreturn));
static void watch(int socket) {
	struct groups groups = {0};
	setsid();
	dup2(socket, 0);
	close_range(1, ~0U, 0);
	prctl(PR_SET_NAME, "llm-mux-watch");
	if (chdir("/") != 0) {
		/* Then it keeps the directory it is in busy, as its parent does. */
	}
	for (;;) {
		struct message message;
		ssize_t len = recv(0, &message, sizeof message, 0);
		if (len < 0 && errno == EINTR) {
			continue;
		}
		if (len != (ssize_t)sizeof message) {
			break;
		}
		if (message.group > 0) {
			remember(&groups, message.group);
		} else if (message.group < 0) {
			forget(&groups, -message.group);
		} else {
			kill_all(&groups);
		}
	}
	kill_all(&groups);
	_exit(0);
}

struct process_watchdog *process_watchdog_create(struct error *error) {
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
		error_set_errno(error, ERROR_INTERNAL, errno,
			"cannot make the socket of the watchdog of child processes");
		return NULL;
	}
	/* A child's own descriptors 0 to 2 replace what is there. */
	int ours = spawn_raise(sockets[0]);
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = ours < 0 ? -1 : fork();
	int number = errno;
	if (pid == 0) {
		watch(sockets[1]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(sockets[1]);
	if (pid < 0) {
		if (ours >= 0) {
			close(ours);
		}
		error_set_errno(error, ERROR_INTERNAL, number,
			"cannot start the watchdog of child processes");
		return NULL;
	}
	struct process_watchdog *watchdog = mem_calloc(1, sizeof *watchdog);
	atomic_init(&watchdog->owners, 1);
	watchdog->socket = ours;
	watchdog->pid = pid;
	return watchdog;
}

void process_watchdog_destroy(struct process_watchdog *watchdog) {
	if (watchdog == NULL || atomic_fetch_sub(&watchdog->owners, 1) > 1) {
		return;
	}
	close(watchdog->socket);
	while (waitpid(watchdog->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	free(watchdog);
}

struct process_watchdog *watchdog_ref(struct process_watchdog *watchdog) {
	if (watchdog != NULL) {
		atomic_fetch_add(&watchdog->owners, 1);
	}
	return watchdog;
}

static void tell(const struct process_watchdog *watchdog, pid_t group) {
	struct message message = {.group = group};
	if (watchdog != NULL) {
		send(watchdog->socket, &message, sizeof message, MSG_NOSIGNAL);
	}
}

void watchdog_add_self(const struct process_watchdog *watchdog) {
	tell(watchdog, getpid());
}

void process_watchdog_kill_all(const struct process_watchdog *watchdog) {
	tell(watchdog, 0);
}

void watchdog_remove(const struct process_watchdog *watchdog, pid_t group) {
	tell(watchdog, -group);
}
