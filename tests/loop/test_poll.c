/* test_poll.c: watching sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

int test_poll(void);

struct watch {
	struct loop *loop;
	int ends[2]; /* ours and the peer's */
	struct loop_poll *poll;
	int calls, status, ready; /* of the last call */
	int next_interest;        /* set in the callback; -1: stay */
	bool destroys, reads;
	char bytes[64];
	size_t len;
};

static void on_ready(struct loop_poll *poll, int status, int ready) {
	struct watch *watch = loop_poll_data(poll);
	assert_ptr_equal(poll, watch->poll);
	watch->calls++;
	watch->status = status;
	watch->ready = ready;
	if (watch->reads && (ready & LOOP_READABLE) != 0) {
		ssize_t got = read(watch->ends[0], watch->bytes + watch->len, 1);
		watch->len += got > 0 ? (size_t)got : 0;
	}
	if (watch->destroys) {
		loop_poll_destroy(poll);
		watch->poll = NULL;
		close(watch->ends[0]); /* at once */
		watch->ends[0] = -1;
	} else if (watch->next_interest >= 0) {
		loop_poll_set(poll, watch->next_interest);
	}
}

static int make_watch(void **state) {
	struct watch *watch = calloc(1, sizeof *watch);
	struct error error = {0};
	watch->loop = loop_create(&error);
	watch->next_interest = -1;
	*state = watch;
	if (watch->loop == NULL ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, watch->ends) != 0) {
		return -1;
	}
	watch->poll = loop_poll_create(watch->loop, watch->ends[0], on_ready, watch);
	return watch->poll != NULL ? 0 : -1;
}

static int drop_watch(void **state) {
	struct watch *watch = *state;
	loop_poll_destroy(watch->poll);
	for (int i = 0; i < 2; i++) {
		if (watch->ends[i] >= 0) {
			close(watch->ends[i]);
		}
	}
	loop_destroy(watch->loop);
	free(watch);
	return 0;
}

static void readiness_is_reported(void **state) {
	struct watch *watch = *state;
	assert_false(loop_run_once(watch->loop, false)); /* nothing asked for: nothing watched */
	assert_true((fcntl(watch->ends[0], F_GETFL) & O_NONBLOCK) != 0);
	loop_poll_set(watch->poll, LOOP_READABLE);
	assert_true(loop_run_once(watch->loop, false));
	assert_int_equal(watch->calls, 0);
	assert_int_equal(write(watch->ends[1], "x", 1), 1);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->calls, 1);
	assert_int_equal(watch->status, 0);
	assert_int_equal(watch->ready, LOOP_READABLE);
	loop_poll_set(watch->poll, LOOP_READABLE); /* the same: still watched */
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->calls, 2);
	loop_poll_set(watch->poll, LOOP_READABLE | LOOP_WRITABLE);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->ready, LOOP_READABLE | LOOP_WRITABLE);
	loop_poll_set(watch->poll, LOOP_WRITABLE);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->ready, LOOP_WRITABLE);
	loop_poll_set(watch->poll, 0);
	watch->calls = 0;
	assert_false(loop_run_once(watch->loop, false));
	assert_int_equal(watch->calls, 0);
}

static void hanging_up_is_reported_when_asked_for(void **state) {
	struct watch *watch = *state;
	loop_poll_set(watch->poll, LOOP_HANGUP);
	loop_run_once(watch->loop, false);
	assert_int_equal(watch->calls, 0);
	shutdown(watch->ends[1], SHUT_WR);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->status, 0);
	assert_int_equal(watch->ready, LOOP_HANGUP);
	loop_poll_set(watch->poll, LOOP_READABLE | LOOP_HANGUP);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->ready, LOOP_READABLE | LOOP_HANGUP);
	loop_poll_set(watch->poll, LOOP_READABLE);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->ready, LOOP_READABLE);
}

static void a_callback_may_stop_watching(void **state) {
	struct watch *watch = *state;
	watch->next_interest = 0;
	loop_poll_set(watch->poll, LOOP_WRITABLE);
	loop_run(watch->loop);
	assert_int_equal(watch->calls, 1);
}

static void a_callback_may_destroy_and_close(void **state) {
	struct watch *watch = *state;
	watch->destroys = true;
	loop_poll_set(watch->poll, LOOP_READABLE | LOOP_WRITABLE);
	assert_int_equal(write(watch->ends[1], "x", 1), 1);
	loop_run(watch->loop);
	assert_int_equal(watch->calls, 1);
}

/* Both sockets are ready in the same turn; the first callback closes the other's descriptor and
 * opens a new one of the same number. The old event must not reach the new socket. */
struct pair {
	struct loop *loop;
	int fds[2];
	struct loop_poll *polls[2];
	struct loop_poll *fresh;
	int calls, fresh_calls;
	int spare;
};

static void on_fresh(struct loop_poll *poll, int status, int ready) {
	struct pair *pair = loop_poll_data(poll);
	(void)status;
	(void)ready;
	pair->fresh_calls++;
}

static void on_either(struct loop_poll *poll, int status, int ready) {
	struct pair *pair = loop_poll_data(poll);
	(void)status;
	(void)ready;
	int other = poll == pair->polls[0];
	pair->calls++;
	loop_poll_destroy(pair->polls[other]);
	close(pair->fds[other]);
	pair->polls[other] = NULL;
	assert_int_equal(dup2(pair->spare, pair->fds[other]), pair->fds[other]);
	pair->fresh = loop_poll_create(pair->loop, pair->fds[other], on_fresh, pair);
	assert_non_null(pair->fresh);
	loop_poll_set(pair->fresh, LOOP_READABLE);
	loop_poll_set(poll, 0);
}

static void stale_events_do_not_reach_a_reused_descriptor(void **state) {
	struct error error = {0};
	struct pair pair = {.loop = loop_create(&error)};
	int peers[2], quiet[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, quiet), 0);
	pair.spare = quiet[0];
	for (int i = 0; i < 2; i++) {
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		pair.fds[i] = ends[0];
		peers[i] = ends[1];
		pair.polls[i] = loop_poll_create(pair.loop, ends[0], on_either, &pair);
		loop_poll_set(pair.polls[i], LOOP_READABLE);
		assert_int_equal(write(peers[i], "x", 1), 1);
	}
	loop_run_once(pair.loop, true);
	loop_run_once(pair.loop, false);
	assert_int_equal(pair.calls, 1);
	assert_int_equal(pair.fresh_calls, 0);
	assert_int_equal(write(quiet[1], "x", 1), 1);
	loop_run_once(pair.loop, true);
	assert_int_equal(pair.fresh_calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_poll_destroy(pair.polls[i]);
		close(peers[i]);
		close(quiet[i]);
	}
	loop_poll_destroy(pair.fresh);
	loop_destroy(pair.loop);
	close(pair.fds[0]);
	close(pair.fds[1]);
}

/* Replaces the watch's socket pair by a TCP connection over loopback, on a port the system picks.
 */
static void use_tcp(struct watch *watch) {
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	loop_poll_destroy(watch->poll);
	close(watch->ends[0]);
	close(watch->ends[1]);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	watch->ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(watch->ends[0], (struct sockaddr *)&address, len), 0);
	watch->ends[1] = accept(listener, NULL, NULL);
	assert_true(watch->ends[1] >= 0);
	close(listener);
	watch->poll = loop_poll_create(watch->loop, watch->ends[0], on_ready, watch);
}

static void reset_peer(struct watch *watch) {
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(watch->ends[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(watch->ends[1]);
	watch->ends[1] = -1;
}

static void a_reset_is_reported_by_its_name(void **state) {
	struct watch *watch = *state;
	use_tcp(watch);
	loop_poll_set(watch->poll, LOOP_READABLE);
	reset_peer(watch);
	loop_run(watch->loop); /* ends: an error stops watching */
	assert_int_equal(watch->calls, 1);
	assert_int_equal(watch->status, -ECONNRESET);
	assert_int_equal(watch->ready, 0);
	/* It may be watched again. */
	loop_poll_set(watch->poll, LOOP_READABLE);
	loop_run_once(watch->loop, true);
	assert_int_equal(watch->calls, 2);
}

static void what_came_before_a_reset_is_read_first(void **state) {
	struct watch *watch = *state;
	use_tcp(watch);
	assert_int_equal(write(watch->ends[1], "last", 4), 4);
	reset_peer(watch);
	watch->reads = true;
	loop_poll_set(watch->poll, LOOP_READABLE);
	loop_run(watch->loop);
	assert_string_equal(watch->bytes, "last");
	assert_int_equal(watch->calls, 5);
	assert_int_equal(watch->status, -ECONNRESET);
}

static void a_refused_connection(void **state) {
	struct watch *watch = *state;
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	/* Bound but not listening: nobody else can get the port meanwhile. */
	int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(taken, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &len), 0);
	loop_poll_destroy(watch->poll);
	close(watch->ends[0]);
	watch->ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	watch->poll = loop_poll_create(watch->loop, watch->ends[0], on_ready, watch);
	connect(watch->ends[0], (struct sockaddr *)&address, len);
	loop_poll_set(watch->poll, LOOP_WRITABLE);
	loop_run(watch->loop);
	assert_int_equal(watch->status, -ECONNREFUSED);
	close(taken);
}

static void a_pipe_nobody_reads(void **state) {
	struct watch *watch = *state;
	loop_poll_destroy(watch->poll);
	close(watch->ends[0]);
	close(watch->ends[1]);
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	watch->ends[0] = ends[1];
	watch->ends[1] = -1;
	watch->poll = loop_poll_create(watch->loop, ends[1], on_ready, watch);
	loop_poll_set(watch->poll, LOOP_WRITABLE);
	close(ends[0]);
	loop_run(watch->loop);
	assert_int_equal(watch->status, -EPIPE);
}

static void what_cannot_be_watched_is_refused(void **state) {
	struct watch *watch = *state;
	assert_null(loop_poll_create(watch->loop, -1, on_ready, watch));
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_null(loop_poll_create(watch->loop, file, on_ready, watch));
	close(file);
	loop_poll_set(watch->poll, LOOP_READABLE);
	assert_null(loop_poll_create(watch->loop, watch->ends[0], on_ready, watch));
	loop_poll_destroy(NULL);
}

static void destroying_the_loop_closes_polls(void **state) {
	struct watch *watch = *state;
	loop_poll_set(watch->poll, LOOP_READABLE);
	watch->poll = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_watch, drop_watch)

int test_poll(void) {
	const struct CMUnitTest tests[] = {
		TEST(readiness_is_reported),
		TEST(hanging_up_is_reported_when_asked_for),
		TEST(a_callback_may_stop_watching),
		TEST(a_callback_may_destroy_and_close),
		cmocka_unit_test(stale_events_do_not_reach_a_reused_descriptor),
		TEST(a_reset_is_reported_by_its_name),
		TEST(what_came_before_a_reset_is_read_first),
		TEST(a_refused_connection),
		TEST(a_pipe_nobody_reads),
		TEST(what_cannot_be_watched_is_refused),
		TEST(destroying_the_loop_closes_polls),
	};
	return cmocka_run_group_tests_name("poll", tests, NULL, NULL);
}
