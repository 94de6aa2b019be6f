/* watch.c: sockets, signals and work for libuv's pool. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "loop/loop_internal.h"

struct loop_poll {
	uv_poll_t handle; /* first: a closing handle is freed as its poll */
	void (*fn)(struct loop_poll *poll, int status, int ready);
	void *data;
	int fd, interest;
	bool keeps_error;
	struct loop *loop;
	struct loop_poll *next, **link;
};

struct loop_signal {
	uv_signal_t handle; /* first */
	void (*fn)(int signal_number, void *data);
	void *data;
	struct loop_signal *next, **link;
};

struct work {
	uv_work_t request;
	struct loop *loop;
	void (*work)(void *data);
	void (*done)(void *data);
	void *data;
};

static void free_handle(uv_handle_t *handle) {
	free(handle);
}

static const struct {
	int ours, theirs;
} poll_bits[] = {
	{LOOP_READABLE, UV_READABLE},
	{LOOP_WRITABLE, UV_WRITABLE},
	{LOOP_HANGUP, UV_DISCONNECT},
};

static int to_uv(int interest) {
	int events = 0;
	for (size_t i = 0; i < sizeof poll_bits / sizeof *poll_bits; i++) {
		events |= interest & poll_bits[i].ours ? poll_bits[i].theirs : 0;
	}
	return events;
}

static int from_uv(int events) {
	int ready = 0;
	for (size_t i = 0; i < sizeof poll_bits / sizeof *poll_bits; i++) {
		ready |= events & poll_bits[i].theirs ? poll_bits[i].ours : 0;
	}
	return ready;
}

/* libuv says EBADF for every POLLERR; the socket knows better. */
static int pending_error(int fd) {
	int number = 0;
	socklen_t len = sizeof number;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0) {
		return -EPIPE; /* a pipe nobody reads any more */
	}
	return number != 0 ? -number : -ECONNRESET;
}

static bool has_unread(int fd) {
	int count = 0;
	return ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
	struct loop_poll *poll = (struct loop_poll *)handle;
	if (status >= 0) {
		int ready = from_uv(events) & poll->interest;
		if (ready != 0) {
			poll->fn(poll, 0, ready);
		}
		return;
	}
	/* After an error libuv has stopped watching. An answer that came in before a reset is still
	 * to be read, so the error has to wait until it was. */
	if ((poll->interest & LOOP_READABLE) != 0 && has_unread(poll->fd) &&
		uv_poll_start(handle, to_uv(poll->interest), on_poll) == 0) {
		poll->fn(poll, 0, LOOP_READABLE);
		return;
	}
	poll->interest = 0;
	if (status == UV_EBADF) {
		status = poll->keeps_error ? -EIO : pending_error(poll->fd);
	}
	poll->fn(poll, status, 0);
}

struct loop_poll *loop_poll_create(struct loop *loop, int fd,
	void (*fn)(struct loop_poll *poll, int status, int ready), void *data) {
	struct loop_poll *poll = mem_calloc(1, sizeof *poll);
	if (uv_poll_init_socket(&loop->uv, &poll->handle, fd) < 0) {
		free(poll);
		return NULL;
	}
	poll->fn = fn;
	poll->data = data;
	poll->fd = fd;
	poll->loop = loop;
	poll->next = loop->polls;
	poll->link = &loop->polls;
	if (poll->next != NULL) {
		poll->next->link = &poll->next;
	}
	loop->polls = poll;
	return poll;
}

void loop_poll_set(struct loop_poll *poll, int interest) {
	/* libuv removes and adds the descriptor at each start: two system calls to be spared. */
	if (interest == poll->interest) {
		return;
	}
	poll->interest = interest;
	if (interest == 0) {
		uv_poll_stop(&poll->handle);
	} else {
		uv_poll_start(&poll->handle, to_uv(interest), on_poll);
	}
}

void loop_poll_keep_error(struct loop_poll *poll) {
	poll->keeps_error = true;
}

void *loop_poll_data(const struct loop_poll *poll) {
	return poll->data;
}

void loop_poll_destroy(struct loop_poll *poll) {
	if (poll == NULL) {
		return;
	}
	*poll->link = poll->next;
	if (poll->next != NULL) {
		poll->next->link = poll->link;
	}
	uv_poll_stop(&poll->handle);
	uv_close((uv_handle_t *)&poll->handle, free_handle);
}

static void on_signal(uv_signal_t *handle, int signal_number) {
	struct loop_signal *signal = (struct loop_signal *)handle;
	signal->fn(signal_number, signal->data);
}

struct loop_signal *loop_signal_create(struct loop *loop, int signal_number,
	void (*fn)(int signal_number, void *data), void *data) {
	struct loop_signal *signal = mem_calloc(1, sizeof *signal);
	if (uv_signal_init(&loop->uv, &signal->handle) < 0) {
		free(signal);
		return NULL;
	}
	signal->fn = fn;
	signal->data = data;
	signal->next = loop->signals;
	signal->link = &loop->signals;
	if (signal->next != NULL) {
		signal->next->link = &signal->next;
	}
	loop->signals = signal;
	if (uv_signal_start(&signal->handle, on_signal, signal_number) < 0) {
		loop_signal_destroy(signal);
		return NULL;
	}
	uv_unref((uv_handle_t *)&signal->handle);
	return signal;
}

void loop_signal_destroy(struct loop_signal *signal) {
	if (signal == NULL) {
		return;
	}
	*signal->link = signal->next;
	if (signal->next != NULL) {
		signal->next->link = signal->link;
	}
	uv_close((uv_handle_t *)&signal->handle, free_handle);
}

void loop_watches_close(struct loop *loop) {
	while (loop->polls != NULL) {
		loop_poll_destroy(loop->polls);
	}
	while (loop->signals != NULL) {
		loop_signal_destroy(loop->signals);
	}
}

static void on_work(uv_work_t *request) {
	struct work *work = (struct work *)request;
	work->work(work->data);
}

static void on_work_done(uv_work_t *request, int status) {
	struct work *work = (struct work *)request;
	(void)status; /* nothing here is ever cancelled */
	work->loop->works--;
	work->done(work->data);
	free(work);
}

bool loop_work(struct loop *loop, void (*work)(void *data), void (*done)(void *data), void *data) {
	struct work *item = mem_calloc(1, sizeof *item);
	item->loop = loop;
	item->work = work;
	item->done = done;
	item->data = data;
	if (uv_queue_work(&loop->uv, &item->request, on_work, on_work_done) < 0) {
		free(item);
		return false;
	}
	loop->works++;
	return true;
}

void loop_wait_work(struct loop *loop) {
	while (loop->works > 0) {
		loop_run_once(loop, true);
	}
}
