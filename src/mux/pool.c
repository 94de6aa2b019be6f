/* pool.c: the accounts of an upstream backend: who is asked next, and what became of it.
 *
 * Shared by all loops; every field that changes is an atomic of its own, so a pick may be a little
 * stale but never takes a lock. */
#include <stdlib.h>

#include "base/mem.h"
#include "mux/mux_internal.h"

/* How long others are preferred after a failure. The upstream's own hint wins where one is allowed.
 */
static const struct {
	enum error_kind kind;
	uint64_t pass_over_ms;
	bool takes_hint;
} penalties[] = {
	{ERROR_RATE_LIMIT, 1000, true},
	{ERROR_QUOTA, 60 * 1000, true},
	{ERROR_BILLING, 30 * 60 * 1000, true},
	{ERROR_PERMISSION, 30 * 60 * 1000, false},
	{ERROR_UPSTREAM_CREDENTIAL, 30 * 60 * 1000, false},
	{ERROR_OVERLOADED, 10 * 1000, true},
};

void pool_init(struct pool *pool, size_t count) {
	pool->count = count;
	pool->accounts = aligned_alloc(64, count * sizeof *pool->accounts);
	if (pool->accounts == NULL) {
		mem_exhausted(count * sizeof *pool->accounts);
	}
	memset(pool->accounts, 0, count * sizeof *pool->accounts);
	atomic_init(&pool->cursor, 0);
}

void pool_finish(struct pool *pool) {
	free(pool->accounts);
	pool->accounts = NULL;
	pool->count = 0;
}

bool number_set_has(const struct number_set *set, size_t number) {
	return number / 64 < set->count && (set->words[number / 64] >> (number % 64) & 1) != 0;
}

void number_set_add(struct number_set *set, size_t number, struct arena *arena) {
	if (number / 64 >= set->count) {
		size_t count = number / 64 + 1;
		uint64_t *words = ARENA_ARRAY(arena, uint64_t, count);
		if (set->count > 0) {
			memcpy(words, set->words, set->count * sizeof *words);
		}
		set->words = words;
		set->count = count;
	}
	set->words[number / 64] |= UINT64_C(1) << (number % 64);
}

bool pool_has_untried(const struct pool *pool, const struct number_set *tried) {
	for (size_t i = 0; i < pool->count; i++) {
		if (!number_set_has(tried, i)) {
			return true;
		}
	}
	return false;
}

/* What makes an account the better choice: smaller is better. */
struct rank {
	uint64_t passed_until_ms; /* 0 when usable */
	unsigned in_flight;
};

static struct rank rank_of(struct account *account, uint64_t now_ms) {
	uint64_t until = atomic_load_explicit(&account->passed_until_ms, memory_order_relaxed);
	return (struct rank){until > now_ms ? until : 0,
		atomic_load_explicit(&account->in_flight, memory_order_relaxed)};
}

static bool is_better(struct rank a, struct rank b) {
	return a.passed_until_ms != b.passed_until_ms ? a.passed_until_ms < b.passed_until_ms
						      : a.in_flight < b.in_flight;
}

struct account *pool_take(
	struct pool *pool, struct number_set *tried, struct arena *arena, uint64_t now_ms) {
	size_t start = atomic_fetch_add_explicit(&pool->cursor, 1, memory_order_relaxed);
	struct rank best_rank = {0};
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < pool->count; i++) {
		size_t at = (start + i) % pool->count;
		if (number_set_has(tried, at)) {
			continue;
		}
		struct rank rank = rank_of(&pool->accounts[at], now_ms);
		if (best == SIZE_MAX || is_better(rank, best_rank)) {
			best = at;
			best_rank = rank;
		}
	}
	if (best == SIZE_MAX) {
		return NULL;
	}
	number_set_add(tried, best, arena);
	atomic_fetch_add_explicit(&pool->accounts[best].in_flight, 1, memory_order_relaxed);
	return &pool->accounts[best];
}

void pool_give_back(struct account *account, const struct error *error, uint64_t now_ms) {
	atomic_fetch_sub_explicit(&account->in_flight, 1, memory_order_relaxed);
	if (error == NULL) {
		/* Written only when it changes: the line stays shared between the loops. */
		if (atomic_load_explicit(&account->failures, memory_order_relaxed) != 0) {
			atomic_store_explicit(&account->failures, 0, memory_order_relaxed);
			atomic_store_explicit(&account->passed_until_ms, 0, memory_order_relaxed);
		}
		return;
	}
	for (size_t i = 0; i < sizeof penalties / sizeof *penalties; i++) {
		if (error->kind == penalties[i].kind) {
			uint64_t wait_ms = penalties[i].pass_over_ms;
			if (penalties[i].takes_hint && error->retry_after_ms >= 0) {
				wait_ms = (uint64_t)error->retry_after_ms;
			}
			atomic_fetch_add_explicit(&account->failures, 1, memory_order_relaxed);
			atomic_store_explicit(
				&account->passed_until_ms, now_ms + wait_ms, memory_order_relaxed);
			return;
		}
	}
}
