/* loop.c: the life of a loop, functions posted by other threads, and work deferred to the end of a
 * turn.
 *
 * A turn of libuv: timers - prepare - poll and its callbacks - check - closing. Deferred work runs
 * in `check`, after the callbacks; what timers defer runs in `prepare`, before the loop sleeps. */
#include "loop/loop.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/loop_internal.h"

/* First blocks kept for the next requests: 4 MiB a thread. */
#define ARENA_BLOCKS_KEPT 256

static bool run_posted(struct loop *loop) {
	uv_mutex_lock(&loop->posted_lock);
	struct loop_posted *items = loop->posted.items;
	size_t len = loop->posted.len;
	loop->posted.items = NULL;
	loop->posted.len = loop->posted.cap = 0;
	uv_mutex_unlock(&loop->posted_lock);
	for (size_t i = 0; i < len; i++) {
		items[i].fn(items[i].data);
	}
	free(items);
	return len > 0;
}

/* Turns the list around (it is kept latest first, so that cancelling needs no tail) and runs it
 * once; what is deferred meanwhile waits for the next pass. */
static bool run_deferred(struct loop *loop) {
	if (loop->deferred == NULL) {
		return false;
	}
	while (loop->deferred != NULL) {
		struct loop_deferred *deferred = loop->deferred;
		loop->deferred = deferred->next;
		deferred->next = loop->running;
		if (deferred->next != NULL) {
			deferred->next->link = &deferred->next;
		}
		deferred->link = &loop->running;
		loop->running = deferred;
	}
	while (loop->running != NULL) {
		struct loop_deferred *deferred = loop->running;
		loop_defer_cancel(deferred);
		deferred->fn(deferred);
	}
	return true;
}

static void on_wake(uv_async_t *handle) {
	struct loop *loop = handle->data;
	run_posted(loop);
	if (atomic_load(&loop->is_stopping)) {
		uv_stop(&loop->uv);
	}
}

static void on_no_sleep(uv_idle_t *handle) {
	(void)handle; /* that it is active is all: the poll of this turn does not wait */
}

void loop_no_sleep(struct loop *loop) {
	uv_idle_start(&loop->no_sleep, on_no_sleep);
}

static void on_before_poll(uv_prepare_t *handle) {
	struct loop *loop = handle->data;
	bool was_run = run_deferred(loop);
	if (loop->deferred != NULL || (was_run && loop->is_once)) {
		loop_no_sleep(loop);
	}
}

static void on_after_poll(uv_check_t *handle) {
	struct loop *loop = handle->data;
	uv_idle_stop(&loop->no_sleep);
	run_deferred(loop);
	loop_timers_aim(loop);
}

struct loop *loop_create(struct error *error) {
	struct loop *loop = mem_calloc(1, sizeof *loop);
	int status = uv_loop_init(&loop->uv);
	if (status < 0) {
		goto no_loop;
	}
	loop->uv.data = loop;
	if ((status = uv_async_init(&loop->uv, &loop->wake, on_wake)) < 0) {
		goto no_async;
	}
	if ((status = uv_mutex_init(&loop->posted_lock)) < 0) {
		goto no_mutex;
	}
	/* These cannot fail. None of them keeps the loop running by itself. */
	uv_prepare_init(&loop->uv, &loop->before_poll);
	uv_check_init(&loop->uv, &loop->after_poll);
	uv_idle_init(&loop->uv, &loop->no_sleep);
	uv_timer_init(&loop->uv, &loop->timer);
	loop->wake.data = loop->before_poll.data = loop->after_poll.data = loop;
	loop->no_sleep.data = loop->timer.data = loop;
	uv_prepare_start(&loop->before_poll, on_before_poll);
	uv_check_start(&loop->after_poll, on_after_poll);
	uv_unref((uv_handle_t *)&loop->wake);
	uv_unref((uv_handle_t *)&loop->before_poll);
	uv_unref((uv_handle_t *)&loop->after_poll);
	loop->timer_at_ms = UINT64_MAX;
	arena_pool_init(&loop->arenas, ARENA_BLOCKS_KEPT);
	return loop;

no_mutex:
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
no_async:
	uv_loop_close(&loop->uv);
no_loop:
	free(loop);
	error_set(error, ERROR_INTERNAL, "cannot create an event loop: %s", uv_strerror(status));
	return NULL;
}

static void close_foreign(uv_handle_t *handle, void *data) {
	(void)data;
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

void loop_destroy(struct loop *loop) {
	if (loop == NULL) {
		return;
	}
	run_posted(loop);
	loop->is_closing = true;
	do {
		loop_watches_close(loop);
		uv_walk(&loop->uv, close_foreign, NULL);
		uv_run(&loop->uv, UV_RUN_DEFAULT); /* waits for running work too */
		while (run_posted(loop)) {
		}
	} while (uv_loop_close(&loop->uv) == UV_EBUSY);
	loop_timers_detach(loop);
	while (loop->deferred != NULL) {
		loop_defer_cancel(loop->deferred);
	}
	uv_mutex_destroy(&loop->posted_lock);
	VEC_FINISH(&loop->posted);
	arena_pool_finish(&loop->arenas);
	free(loop);
}

/* What libuv does not count as a reason to go on. True when there was some. */
static bool run_uncounted(struct loop *loop) {
	bool has_posted = run_posted(loop);
	bool has_deferred = run_deferred(loop);
	return has_posted || has_deferred;
}

void loop_run(struct loop *loop) {
	bool is_left = true;
	while (is_left && !atomic_load(&loop->is_stopping)) {
		loop->is_running = true;
		uv_run(&loop->uv, UV_RUN_DEFAULT);
		loop->is_running = false;
		is_left = run_uncounted(loop) || uv_loop_alive(&loop->uv);
	}
	atomic_store(&loop->is_stopping, false);
}

bool loop_run_once(struct loop *loop, bool wait) {
	bool was_run = !uv_loop_alive(&loop->uv) && run_uncounted(loop);
	loop->is_running = loop->is_once = true;
	uv_run(&loop->uv, wait && !was_run ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	loop->is_running = loop->is_once = false;
	run_deferred(loop); /* UV_RUN_ONCE may end with timers */
	uv_mutex_lock(&loop->posted_lock);
	bool has_posted = loop->posted.len > 0;
	uv_mutex_unlock(&loop->posted_lock);
	return has_posted || loop->deferred != NULL || uv_loop_alive(&loop->uv);
}

void loop_stop(struct loop *loop) {
	atomic_store(&loop->is_stopping, true);
	uv_async_send(&loop->wake);
}

void loop_keep(struct loop *loop, bool keep) {
	if (keep) {
		uv_ref((uv_handle_t *)&loop->wake);
	} else {
		uv_unref((uv_handle_t *)&loop->wake);
	}
}

uint64_t loop_now_ms(const struct loop *loop) {
	return uv_now(&loop->uv);
}

struct arena_pool *loop_arena_pool(struct loop *loop) {
	return &loop->arenas;
}

struct uv_loop_s *loop_uv(struct loop *loop) {
	return &loop->uv;
}

void loop_post(struct loop *loop, void (*fn)(void *data), void *data) {
	uv_mutex_lock(&loop->posted_lock);
	*VEC_PUSH(&loop->posted) = (struct loop_posted){.fn = fn, .data = data};
	bool is_first = loop->posted.len == 1;
	uv_mutex_unlock(&loop->posted_lock);
	if (is_first && !loop->is_closing) {
		uv_async_send(&loop->wake);
	}
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred) {
	if (deferred->link != NULL) {
		return;
	}
	deferred->next = loop->deferred;
	if (deferred->next != NULL) {
		deferred->next->link = &deferred->next;
	}
	deferred->link = &loop->deferred;
	loop->deferred = deferred;
}

void loop_defer_cancel(struct loop_deferred *deferred) {
	if (deferred->link == NULL) {
		return;
	}
	*deferred->link = deferred->next;
	if (deferred->next != NULL) {
		deferred->next->link = deferred->link;
	}
	deferred->next = NULL;
	deferred->link = NULL;
}
