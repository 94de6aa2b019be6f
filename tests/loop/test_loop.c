/* test_loop.c: the life of a loop, posting, deferring, signals and work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "loop/loop.h"

int test_loop(void);

/* What happened, as letters. */
struct trace {
	struct loop *loop;
	char text[64];
	size_t len;
};

static void note(struct trace *trace, char letter) {
	assert_true(trace->len + 1 < sizeof trace->text);
	trace->text[trace->len++] = letter;
	trace->text[trace->len] = '\0';
}

static int make_trace(void **state) {
	struct trace *trace = calloc(1, sizeof *trace);
	struct error error = {0};
	trace->loop = loop_create(&error);
	*state = trace;
	return trace->loop != NULL ? 0 : -1;
}

static int drop_trace(void **state) {
	struct trace *trace = *state;
	loop_destroy(trace->loop);
	free(trace);
	return 0;
}

static void an_idle_loop_ends(void **state) {
	struct trace *trace = *state;
	loop_run(trace->loop);
	assert_false(loop_run_once(trace->loop, true));
	assert_ptr_equal(loop_uv(trace->loop)->data, trace->loop);
	assert_int_equal(loop_now_ms(trace->loop), uv_now(loop_uv(trace->loop)));
	loop_destroy(NULL);
}

static void the_arena_pool_is_the_loops(void **state) {
	struct trace *trace = *state;
	struct arena arena;
	arena_init(&arena, loop_arena_pool(trace->loop), 0);
	arena_alloc(&arena, 10);
	arena_finish(&arena);
	assert_int_equal(loop_arena_pool(trace->loop)->count, 1);
}

/* ---- posting ---- */

static void post_a(void *data) {
	note(data, 'a');
}
static void post_b(void *data) {
	note(data, 'b');
}
static void post_stop(void *data) {
	struct trace *trace = data;
	note(trace, 's');
	loop_stop(trace->loop);
}
static void post_more(void *data) {
	struct trace *trace = data;
	note(trace, 'm');
	loop_post(trace->loop, post_b, trace);
}

static void posts_run_in_order(void **state) {
	struct trace *trace = *state;
	loop_post(trace->loop, post_a, trace);
	loop_post(trace->loop, post_more, trace);
	loop_post(trace->loop, post_a, trace);
	assert_int_equal(trace->len, 0);
	loop_run(trace->loop); /* although nothing else is left */
	assert_string_equal(trace->text, "amab");
}

static void a_single_turn_runs_posts(void **state) {
	struct trace *trace = *state;
	loop_post(trace->loop, post_a, trace);
	while (loop_run_once(trace->loop, true)) {
	}
	assert_string_equal(trace->text, "a");
}

struct poster {
	struct trace *trace;
	int count;
};

static void count_down(void *data) {
	struct poster *poster = data;
	if (--poster->count == 0) {
		loop_stop(poster->trace->loop);
	}
}

static void *post_many(void *data) {
	struct poster *poster = data;
	for (int i = 0; i < 1000; i++) {
		loop_post(poster->trace->loop, count_down, poster);
	}
	return NULL;
}

static void threads_post_to_a_kept_loop(void **state) {
	struct trace *trace = *state;
	struct poster poster = {trace, 3000};
	pthread_t threads[3];
	loop_keep(trace->loop, true); /* or it might end before the first post */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &poster), 0);
	}
	loop_run(trace->loop);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(poster.count, 0);
	loop_keep(trace->loop, false);
	loop_run(trace->loop);
}

static void *stop_it(void *data) {
	loop_stop(data);
	return NULL;
}

static void another_thread_stops_it(void **state) {
	struct trace *trace = *state;
	pthread_t thread;
	loop_keep(trace->loop, true);
	assert_int_equal(pthread_create(&thread, NULL, stop_it, trace->loop), 0);
	loop_run(trace->loop);
	pthread_join(thread, NULL);
	/* A stop before the run is not lost, and it stops one run only. */
	loop_stop(trace->loop);
	loop_run(trace->loop);
	loop_keep(trace->loop, false);
	loop_post(trace->loop, post_a, trace);
	loop_run(trace->loop);
	assert_string_equal(trace->text, "a");
}

static void destroying_runs_what_was_posted(void **state) {
	struct trace trace = {0};
	struct error error = {0};
	(void)state;
	trace.loop = loop_create(&error);
	loop_post(trace.loop, post_more, &trace);
	loop_destroy(trace.loop);
	assert_string_equal(trace.text, "mb");
}

/* ---- deferring ---- */

struct later {
	struct loop_deferred deferred; /* first */
	struct trace *trace;
	char letter;
	struct later *starts, *cancels;
};

static void on_later(struct loop_deferred *deferred) {
	struct later *later = (struct later *)deferred;
	note(later->trace, later->letter);
	if (later->starts != NULL) {
		struct later *next = later->starts;
		later->starts = NULL;
		loop_defer(later->trace->loop, &next->deferred);
	}
	if (later->cancels != NULL) {
		loop_defer_cancel(&later->cancels->deferred);
	}
}

static struct later later_of(struct trace *trace, char letter) {
	return (struct later){.deferred.fn = on_later, .trace = trace, .letter = letter};
}

static void deferred_work_runs_once_in_order(void **state) {
	struct trace *trace = *state;
	struct later a = later_of(trace, 'a'), b = later_of(trace, 'b'), c = later_of(trace, 'c'),
		     d = later_of(trace, 'd');
	loop_defer(trace->loop, &a.deferred);
	loop_defer(trace->loop, &b.deferred);
	loop_defer(trace->loop, &a.deferred);
	loop_defer(trace->loop, &c.deferred);
	loop_defer(trace->loop, &d.deferred);
	loop_defer_cancel(&d.deferred); /* the latest */
	loop_defer_cancel(&b.deferred); /* in the middle */
	loop_defer_cancel(&b.deferred);
	assert_string_equal(trace->text, "");
	loop_run(trace->loop);
	assert_string_equal(trace->text, "ac");
	loop_defer(trace->loop, &a.deferred);
	loop_defer_cancel(&a.deferred);
	loop_run(trace->loop);
	assert_string_equal(trace->text, "ac");
}

static void deferred_work_may_defer_and_cancel(void **state) {
	struct trace *trace = *state;
	struct later a = later_of(trace, 'a'), b = later_of(trace, 'b'), c = later_of(trace, 'c'),
		     d = later_of(trace, 'd');
	a.starts = &a;
	a.cancels = &b;
	c.cancels = &d;
	loop_defer(trace->loop, &a.deferred);
	loop_defer(trace->loop, &b.deferred);
	loop_defer(trace->loop, &c.deferred);
	loop_defer(trace->loop, &d.deferred); /* the last one, cancelled while running */
	loop_run(trace->loop);
	assert_string_equal(trace->text, "aca");
	assert_null(d.deferred.link);
}

static void defer_from_post(void *data) {
	struct later *later = data;
	note(later->trace, 'p');
	loop_defer(later->trace->loop, &later->deferred);
}

static void deferred_work_waits_for_the_other_events(void **state) {
	struct trace *trace = *state;
	struct later a = later_of(trace, 'a');
	loop_keep(trace->loop, true);
	loop_post(trace->loop, defer_from_post, &a);
	loop_post(trace->loop, post_b, trace);
	loop_run_once(trace->loop, true);
	assert_string_equal(trace->text, "pba"); /* all in that turn */
	/* What a deferred function defers comes after the next poll, which does not sleep (this
	 * would hang). */
	a.starts = &a;
	loop_defer(trace->loop, &a.deferred);
	loop_run_once(trace->loop, true);
	assert_string_equal(trace->text, "pbaaa");
	loop_keep(trace->loop, false);
}

static void destroying_forgets_deferred_work(void **state) {
	struct trace trace = {0};
	struct later a = later_of(&trace, 'a'), b = later_of(&trace, 'b');
	struct error error = {0};
	(void)state;
	trace.loop = loop_create(&error);
	loop_defer(trace.loop, &a.deferred);
	loop_defer(trace.loop, &b.deferred);
	loop_destroy(trace.loop);
	assert_string_equal(trace.text, "");
	loop_defer_cancel(&a.deferred); /* harmless afterwards */
	assert_null(b.deferred.link);
}

/* ---- signals ---- */

static void on_signal(int number, void *data) {
	struct trace *trace = data;
	note(trace, number == SIGUSR1 ? '1' : '2');
	if (number == SIGUSR2) {
		loop_stop(trace->loop);
	}
}

static void signals_arrive_on_the_loop(void **state) {
	struct trace *trace = *state;
	struct loop_signal *one = loop_signal_create(trace->loop, SIGUSR1, on_signal, trace);
	struct loop_signal *two = loop_signal_create(trace->loop, SIGUSR2, on_signal, trace);
	assert_non_null(one);
	assert_non_null(two);
	assert_null(loop_signal_create(trace->loop, SIGKILL, on_signal, trace));
	loop_run(trace->loop); /* signals alone do not hold it */
	loop_keep(trace->loop, true);
	raise(SIGUSR1);
	raise(SIGUSR2);
	loop_run(trace->loop);
	assert_string_equal(trace->text, "12");
	loop_signal_destroy(one);
	loop_signal_destroy(NULL);
	raise(SIGUSR2);
	loop_run(trace->loop);
	assert_string_equal(trace->text, "122");
	/* `two` is closed by loop_destroy. */
}

/* ---- work ---- */

struct job {
	struct trace *trace;
	pthread_t worker;
	int result;
};

static void do_job(void *data) {
	struct job *job = data;
	job->worker = pthread_self();
	job->result = 42;
}

static void job_done(void *data) {
	struct job *job = data;
	assert_int_equal(job->result, 42);
	assert_false(pthread_equal(job->worker, pthread_self()));
	note(job->trace, 'd');
}

static void work_is_done_elsewhere(void **state) {
	struct trace *trace = *state;
	struct job jobs[3] = {{.trace = trace}, {.trace = trace}, {.trace = trace}};
	for (int i = 0; i < 3; i++) {
		assert_true(loop_work(trace->loop, do_job, job_done, &jobs[i]));
	}
	loop_run(trace->loop);
	assert_string_equal(trace->text, "ddd");
}

/* Whatever else keeps the loop, and with what happens meanwhile. */
static void waiting_is_for_work_alone(void **state) {
	struct trace *trace = *state;
	struct job jobs[2] = {{.trace = trace}, {.trace = trace}};
	loop_keep(trace->loop, true);
	loop_wait_work(trace->loop);
	assert_string_equal(trace->text, "");
	struct loop_signal *one = loop_signal_create(trace->loop, SIGUSR1, on_signal, trace);
	raise(SIGUSR1);
	for (int i = 0; i < 2; i++) {
		assert_true(loop_work(trace->loop, do_job, job_done, &jobs[i]));
	}
	loop_wait_work(trace->loop);
	assert_int_equal(strlen(trace->text), 3);
	assert_non_null(strchr(trace->text, '1'));
	loop_signal_destroy(one);
	loop_keep(trace->loop, false);
}

static void done_posts(void *data) {
	job_done(data);
	struct job *job = data;
	loop_post(job->trace->loop, post_a, job->trace);
}

static void destroying_waits_for_work(void **state) {
	struct trace trace = {0};
	struct job job = {.trace = &trace};
	struct error error = {0};
	(void)state;
	trace.loop = loop_create(&error);
	assert_true(loop_work(trace.loop, do_job, done_posts, &job));
	loop_destroy(trace.loop);
	assert_string_equal(trace.text, "da");
}

static void on_foreign(uv_timer_t *handle) {
	(void)handle;
}

static void destroying_closes_foreign_handles(void **state) {
	struct error error = {0};
	struct loop *loop = loop_create(&error);
	uv_timer_t timer;
	(void)state;
	uv_timer_init(loop_uv(loop), &timer);
	uv_timer_start(&timer, on_foreign, 1000000, 0);
	loop_destroy(loop);
}

static void stop_within_a_post(void **state) {
	struct trace *trace = *state;
	loop_keep(trace->loop, true);
	loop_post(trace->loop, post_stop, trace);
	loop_post(trace->loop, post_a, trace);
	loop_run(trace->loop);
	assert_string_equal(trace->text, "sa");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_trace, drop_trace)

int test_loop(void) {
	const struct CMUnitTest tests[] = {
		TEST(an_idle_loop_ends),
		TEST(the_arena_pool_is_the_loops),
		TEST(posts_run_in_order),
		TEST(a_single_turn_runs_posts),
		TEST(threads_post_to_a_kept_loop),
		TEST(another_thread_stops_it),
		TEST(stop_within_a_post),
		cmocka_unit_test(destroying_runs_what_was_posted),
		TEST(deferred_work_runs_once_in_order),
		TEST(deferred_work_may_defer_and_cancel),
		TEST(deferred_work_waits_for_the_other_events),
		cmocka_unit_test(destroying_forgets_deferred_work),
		TEST(signals_arrive_on_the_loop),
		TEST(work_is_done_elsewhere),
		TEST(waiting_is_for_work_alone),
		cmocka_unit_test(destroying_waits_for_work),
		cmocka_unit_test(destroying_closes_foreign_handles),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
