/* test_timer.c: the order of timers, and timers that change timers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "loop/loop.h"

int test_timer(void);

struct alarm {
	struct loop_timer timer; /* first */
	struct world *world;
	char letter;
	int restarts;
	struct alarm *stops, *starts;
};

struct world {
	struct loop *loop;
	char text[64];
	size_t len;
};

static void on_alarm(struct loop_timer *timer) {
	struct alarm *alarm = (struct alarm *)timer;
	struct world *world = alarm->world;
	assert_false(loop_timer_is_armed(timer));
	assert_ptr_equal(timer->data, world);
	world->text[world->len++] = alarm->letter;
	if (alarm->restarts > 0) {
		alarm->restarts--;
		loop_timer_start(timer, 0);
	}
	if (alarm->stops != NULL) {
		loop_timer_stop(&alarm->stops->timer);
	}
	if (alarm->starts != NULL) {
		loop_timer_start(&alarm->starts->timer, 1);
	}
}

static int make_world(void **state) {
	struct world *world = calloc(1, sizeof *world);
	struct error error = {0};
	world->loop = loop_create(&error);
	*state = world;
	return world->loop != NULL ? 0 : -1;
}

static int drop_world(void **state) {
	struct world *world = *state;
	loop_destroy(world->loop);
	free(world);
	return 0;
}

static void arm(struct world *world, struct alarm *alarm, char letter, uint64_t delay_ms) {
	loop_timer_init(world->loop, &alarm->timer, on_alarm, world);
	alarm->world = world;
	alarm->letter = letter;
	assert_false(loop_timer_is_armed(&alarm->timer));
	loop_timer_start(&alarm->timer, delay_ms);
	assert_true(loop_timer_is_armed(&alarm->timer));
}

static void timers_fire_in_order(void **state) {
	struct world *world = *state;
	struct alarm a = {0}, b = {0}, c = {0}, d = {0};
	/* Read first: arming may move the loop's clock on. */
	uint64_t start = loop_now_ms(world->loop);
	arm(world, &c, 'c', 30);
	arm(world, &a, 'a', 0);
	arm(world, &d, 'd', 45);
	arm(world, &b, 'b', 15);
	loop_run(world->loop);
	assert_string_equal(world->text, "abcd");
	assert_true(loop_now_ms(world->loop) >= start + 45);
}

static void equal_times_fire_in_order_of_starting(void **state) {
	struct world *world = *state;
	struct alarm alarms[20] = {0};
	/* Started from a callback, so that the clock stands still between them. */
	for (int i = 0; i < 20; i++) {
		loop_timer_init(world->loop, &alarms[i].timer, on_alarm, world);
		alarms[i].world = world;
		alarms[i].letter = (char)('a' + i);
		if (i > 0) {
			alarms[i - 1].starts = &alarms[i];
		}
	}
	loop_timer_start(&alarms[0].timer, 0);
	loop_run(world->loop);
	assert_string_equal(world->text, "abcdefghijklmnopqrst");
}

static void restarting_in_the_callback_waits_a_turn(void **state) {
	struct world *world = *state;
	struct alarm a = {.restarts = 2};
	arm(world, &a, 'a', 0);
	loop_run_once(world->loop, false);
	assert_string_equal(world->text, "a");
	assert_true(loop_timer_is_armed(&a.timer));
	loop_run(world->loop);
	assert_string_equal(world->text, "aaa");
}

static void a_callback_stops_another(void **state) {
	struct world *world = *state;
	struct alarm a = {0}, b = {0}, c = {0};
	a.stops = &b;
	arm(world, &a, 'a', 0);
	arm(world, &b, 'b', 0);
	arm(world, &c, 'c', 0);
	c.stops = &c; /* not armed any more: nothing */
	loop_run(world->loop);
	assert_string_equal(world->text, "ac");
	loop_timer_stop(&b.timer);
}

static void a_callback_starts_and_stops_to_nothing(void **state) {
	struct world *world = *state;
	struct alarm a = {0}, b = {0};
	arm(world, &b, 'b', 0);
	loop_timer_stop(&b.timer);
	a.starts = &b;
	b.stops = &b;
	arm(world, &a, 'a', 0);
	loop_run(world->loop);
	assert_string_equal(world->text, "ab");
	assert_false(loop_run_once(world->loop, true));
}

static void on_free(struct loop_timer *timer) {
	free(timer);
}

static void a_callback_frees_its_timer(void **state) {
	struct world *world = *state;
	for (int i = 0; i < 10; i++) {
		struct loop_timer *timer = malloc(sizeof *timer);
		loop_timer_init(world->loop, timer, on_free, NULL);
		loop_timer_start(timer, 0);
	}
	loop_run(world->loop);
}

static void moving_a_timer(void **state) {
	struct world *world = *state;
	struct alarm a = {0}, b = {0}, never = {0};
	arm(world, &a, 'a', 10);
	arm(world, &b, 'b', 20);
	loop_timer_start(&a.timer, 40); /* behind b */
	arm(world, &never, 'n', UINT64_MAX);
	loop_timer_start(&never.timer, 1000000);
	loop_timer_stop(&never.timer);
	loop_timer_stop(&never.timer);
	loop_run(world->loop);
	assert_string_equal(world->text, "ba");
}

struct ordered {
	struct loop_timer timer; /* first */
	uint64_t *last_ms;
};

static void on_ordered(struct loop_timer *timer) {
	struct ordered *ordered = (struct ordered *)timer;
	assert_true(timer->at_ms >= *ordered->last_ms);
	*ordered->last_ms = timer->at_ms;
}

static void a_heap_of_many(void **state) {
	enum {
		COUNT = 2000
	};
	struct world *world = *state;
	struct ordered *timers = calloc(COUNT, sizeof *timers);
	uint64_t last_ms = 0;
	for (int i = 0; i < COUNT; i++) {
		timers[i].last_ms = &last_ms;
		loop_timer_init(world->loop, &timers[i].timer, on_ordered, NULL);
		loop_timer_start(&timers[i].timer, random_below(30));
	}
	for (int i = 0; i < 5 * COUNT; i++) {
		struct loop_timer *timer = &timers[random_below(COUNT)].timer;
		if (random_below(3) == 0) {
			loop_timer_stop(timer);
		} else {
			loop_timer_start(timer, random_below(30));
		}
	}
	loop_run(world->loop);
	for (int i = 0; i < COUNT; i++) {
		assert_false(loop_timer_is_armed(&timers[i].timer));
	}
	free(timers);
}

static void destroying_disarms(void **state) {
	struct world world = {0};
	struct alarm a = {0}, b = {0};
	struct error error = {0};
	(void)state;
	world.loop = loop_create(&error);
	arm(&world, &a, 'a', 1000000);
	arm(&world, &b, 'b', 0);
	loop_destroy(world.loop);
	assert_false(loop_timer_is_armed(&a.timer));
	loop_timer_stop(&b.timer); /* harmless afterwards */
	assert_string_equal(world.text, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, drop_world)

int test_timer(void) {
	const struct CMUnitTest tests[] = {
		TEST(timers_fire_in_order),
		TEST(equal_times_fire_in_order_of_starting),
		TEST(restarting_in_the_callback_waits_a_turn),
		TEST(a_callback_stops_another),
		TEST(a_callback_starts_and_stops_to_nothing),
		TEST(a_callback_frees_its_timer),
		TEST(moving_a_timer),
		TEST(a_heap_of_many),
		cmocka_unit_test(destroying_disarms),
	};
	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
