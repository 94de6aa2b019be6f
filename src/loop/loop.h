/* loop.h: one event loop per thread over libuv: sockets, timers, work from other threads.
 *
 * Everything here is called on the loop's own thread except loop_post and loop_stop. */
#ifndef LLMMUX_LOOP_LOOP_H
#define LLMMUX_LOOP_LOOP_H

#include "base/arena.h"
#include "base/error.h"

struct loop;

/* NULL and an error when the system gives no loop. */
struct loop *loop_create(struct error *error);
/* Closes what is still open and frees; the loop must not be running. What was posted is run, and
 * work under way is waited for (its done is called). Accepts NULL. */
void loop_destroy(struct loop *loop);
/* Runs until loop_stop, or until nothing is left to wait for: no watched descriptor, armed timer or
 * work under way. Signals and what other threads might post do not count (see loop_keep). */
void loop_run(struct loop *loop);
/* Whether loop_run goes on although nothing is left, because other threads will post. */
void loop_keep(struct loop *loop, bool keep);
/* Runs what is ready without waiting; true while something is left. For tests. */
bool loop_run_once(struct loop *loop, bool wait);
/* Ends loop_run soon. Any thread; not from a signal handler. */
void loop_stop(struct loop *loop);
/* Milliseconds of the loop's monotonic clock, read once per turn. */
uint64_t loop_now_ms(const struct loop *loop);
/* Recycled arena blocks of this thread. */
struct arena_pool *loop_arena_pool(struct loop *loop);

/* Runs fn(data) on the loop's thread, in order of posting. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *data), void *data);

/* ---- timers: embed, init once, start and stop at will; no allocation ---- */
struct loop_timer {
	struct loop *loop;
	void (*fn)(struct loop_timer *timer); /* use container_of-style casts to find the owner */
	uint64_t at_ms;
	size_t heap_slot; /* 1-based place in the loop's heap; 0 = not armed */
	void *data;
};
/* Not armed. */
void loop_timer_init(
	struct loop *loop, struct loop_timer *timer, void (*fn)(struct loop_timer *), void *data);
/* (Re)arms: fires once, not before the next turn, after delay_ms. Cheap enough to call per chunk: a
 * heap of our own over one uv timer. */
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_armed(const struct loop_timer *timer);

/* ---- descriptors ---- */
#define LOOP_READABLE 1
#define LOOP_WRITABLE 2
#define LOOP_HANGUP 4 /* peer closed its side (EPOLLRDHUP); reported when asked for */
struct loop_poll;     /* allocated: libuv closes handles late */
/* Watches a socket (not owned; made non-blocking). fn gets the ready set, or a negative errno in
 * `status` once everything received before the error was read (or at once when LOOP_READABLE is not
 * asked for); watching has then stopped. NULL when the descriptor cannot be polled or already is.
 */
struct loop_poll *loop_poll_create(struct loop *loop, int fd,
	void (*fn)(struct loop_poll *poll, int status, int ready), void *data);
void loop_poll_set(struct loop_poll *poll, int interest); /* 0 stops watching */
/* Leaves the socket's pending error in the socket, for a library that looks at SO_ERROR itself: fn
 * gets -EIO instead of its number. */
void loop_poll_keep_error(struct loop_poll *poll);
void *loop_poll_data(const struct loop_poll *poll);
/* Stops at once; frees later. The descriptor may be closed directly after. Accepts NULL. */
void loop_poll_destroy(struct loop_poll *poll);

/* ---- end of turn: run fn once when all events of this turn were handled (one writev a turn) ----
 * In order of deferring. Zero a loop_deferred but for fn and data. Deferring what is queued is a
 * no-op; what a deferred function defers runs in the next turn, for which the loop does not wait.
 */
struct loop_deferred {
	void (*fn)(struct loop_deferred *deferred);
	struct loop_deferred *next, **link; /* link != NULL: queued */
	void *data;
};
void loop_defer(struct loop *loop, struct loop_deferred *deferred);
void loop_defer_cancel(struct loop_deferred *deferred);

/* ---- signals: fn on this loop for each arrival; NULL for a signal that cannot be caught ---- */
struct loop_signal;
struct loop_signal *loop_signal_create(struct loop *loop, int signal_number,
	void (*fn)(int signal_number, void *data), void *data);
void loop_signal_destroy(struct loop_signal *signal);

/* ---- work over 200 us, on libuv's pool: work(data) elsewhere, then done(data) on this loop ----
 */
bool loop_work(struct loop *loop, void (*work)(void *data), void (*done)(void *data), void *data);
/* Runs the loop until no such work is left, whatever else there is; not from a callback. */
void loop_wait_work(struct loop *loop);

/* The libuv loop, for folders that drive libuv handles themselves (proc/). */
struct uv_loop_s *loop_uv(struct loop *loop);

#endif
