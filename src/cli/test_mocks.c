/* test_mocks.c: puts mocks in the place of every backend that a workflow under test may ask.
 *
 *   replies of a step ─► a mock for this step alone
 *   replies of a role ─► each of its backends, wherever the role is defined
 *   replies of a backend, of "*" ─► that backend, every other one
 *
 * A backend without replies is a mock without any: asking it fails and says so. No program is
 * started and no server asked, whatever the configuration says. */
#include <math.h>

#include "cli/test.h"
#include "data/nearest.h"

struct mocks {
	struct test_case *one;
	struct runner_config *runner;
	struct workflow *workflow;
	struct arena *arena;
	struct problems *problems;
};

static bool is_mocked(const struct runner_backend *backend) {
	return backend->kind == RUNNER_BACKEND_MOCK && backend->calls != NULL;
}

static void give(struct runner_backend *backend, struct test_replies *replies) {
	backend->replies.items = replies->rows.items;
	backend->replies.len = replies->rows.len;
	backend->replies.cap = replies->rows.cap;
	backend->calls = &replies->calls;
}

/* What stays of it are its name and how often it is asked again, at once. */
static struct runner_backend *mock_of(struct mocks *mocks, struct slice name) {
	struct runner_config *runner = mocks->runner;
	for (size_t i = 0; i < runner->backends.len; i++) {
		if (slice_eq(runner->backends.items[i].name, name)) {
			return &runner->backends.items[i];
		}
	}
	struct runner_backend *backend = ARENA_PUSH(mocks->arena, &runner->backends);
	*backend = (struct runner_backend){
		.name = name,
		.kind = RUNNER_BACKEND_MOCK,
		.is_enabled = true,
		.timeout_ms = runner->defaults.timeout_ms,
		.max_retries = 3,
		.retries_rate_limit = true,
		.max_tokens = -1,
		.temperature = NAN,
		.model = SLICE("mock"),
	};
	return backend;
}

static void tame(struct runner_backend *backend) {
	static const struct slice nothing = SLICE_INIT("");
	backend->kind = RUNNER_BACKEND_MOCK;
	backend->retry_delay_ms = 1;
	backend->requests_per_minute = 0;
	backend->command = backend->api_key = backend->api_key_env = backend->base_url = nothing;
	backend->model = SLICE("mock");
	backend->system = nothing;
	backend->replies.items = NULL;
	backend->replies.len = backend->replies.cap = 0;
	backend->calls = NULL;
}

/* ---- names ---- */

typedef void visit_role(struct mocks *mocks, const struct runner_role *role, void *data);

static void each_role(struct mocks *mocks, visit_role *visit, void *data) {
	struct runner_config *runner = mocks->runner;
	for (size_t i = 0; i < runner->roles.len; i++) {
		visit(mocks, &runner->roles.items[i], data);
	}
	for (size_t i = 0; i < mocks->workflow->roles.len; i++) {
		visit(mocks, &mocks->workflow->roles.items[i], data);
	}
	for (size_t t = 0; t < runner->teams.len; t++) {
		for (size_t i = 0; i < runner->teams.items[t].roles.len; i++) {
			visit(mocks, &runner->teams.items[t].roles.items[i], data);
		}
	}
}

static void add_names(struct mocks *mocks, const struct option_strings *names) {
	for (size_t i = 0; i < names->len; i++) {
		mock_of(mocks, names->items[i]);
	}
}

static void add_role_names(struct mocks *mocks, const struct runner_role *role, void *data) {
	(void)data;
	add_names(mocks, &role->backends);
}

struct role_replies {
	struct test_replies *replies;
	bool is_found, is_wrong;
};

static void give_role(struct mocks *mocks, const struct runner_role *role, void *data) {
	struct role_replies *search = data;
	if (!slice_eq(role->name, search->replies->name)) {
		return;
	}
	search->is_found = true;
	for (size_t i = 0; i < role->backends.len; i++) {
		struct runner_backend *backend = mock_of(mocks, role->backends.items[i]);
		if (is_mocked(backend) && backend->calls != &search->replies->calls &&
			!search->is_wrong) {
			search->is_wrong = true;
			problems_add(mocks->problems, search->replies->line,
				search->replies->column,
				"the backend `%.*s` of the role `%.*s` has replies already: name "
				"the steps instead of the roles",
				SLICE_FMT(backend->name), SLICE_FMT(role->name));
			continue;
		}
		give(backend, search->replies);
	}
}

static bool give_step(struct mocks *mocks, struct test_replies *replies) {
	const struct workflow_step *found = workflow_find_step(mocks->workflow, replies->name);
	if (found == NULL || found->type != STEP_QUERY) {
		return false;
	}
	struct workflow_step *step = &mocks->workflow->steps.items[found->number];
	bool is_taken = runner_find_backend(mocks->runner, replies->name) != NULL;
	struct slice name =
		is_taken ? arena_printf(mocks->arena, "step %.*s", SLICE_FMT(replies->name))
			 : replies->name;
	struct runner_backend *backend = mock_of(mocks, name);
	tame(backend);
	give(backend, replies);
	step->role = SLICE("");
	step->backends = (struct option_strings){0};
	*ARENA_PUSH(mocks->arena, &step->backends) = name;
	step->execution = ROLE_FIRST;
	step->is_parallel = false;
	step->min_success = 0;
	return true;
}

/* ---- what nobody configured ---- */

static void find_role(struct mocks *mocks, const struct runner_role *role, void *data) {
	(void)mocks;
	struct role_replies *search = data;
	search->is_found |= slice_eq(role->name, search->replies->name);
}

static void define_role(struct mocks *mocks, struct slice name) {
	struct test_replies named = {.name = name};
	struct role_replies search = {.replies = &named};
	each_role(mocks, find_role, &search);
	if (search.is_found) {
		return;
	}
	struct runner_role *role = ARENA_PUSH(mocks->arena, &mocks->runner->roles);
	*role = (struct runner_role){.name = name, .execution = -1};
	*ARENA_PUSH(mocks->arena, &role->backends) = mock_of(mocks, name)->name;
}

static bool is_named(const struct test_cases *cases, struct slice name) {
	for (size_t i = 0; i < cases->len; i++) {
		const struct test_case *one = &cases->items[i];
		for (size_t r = 0; r < one->replies.len; r++) {
			if (slice_eq(one->replies.items[r].name, name)) {
				return true;
			}
		}
		for (size_t c = 0; c < one->counts.len; c++) {
			if (slice_eq(one->counts.items[c].name, name)) {
				return true;
			}
		}
	}
	return false;
}

void test_mocks_define(const struct test_cases *cases, struct runner_config *runner,
	const struct workflow *workflow, struct arena *arena) {
	struct mocks mocks = {
		.runner = runner,
		.workflow = (struct workflow *)(uintptr_t)workflow,
		.arena = arena,
	};
	for (size_t i = 0; i < workflow->steps.len; i++) {
		const struct workflow_step *step = &workflow->steps.items[i];
		bool has_replies = is_named(cases, SLICE("*")) || is_named(cases, step->name);
		for (size_t b = 0; b < step->backends.len; b++) {
			struct slice name = step->backends.items[b];
			if (has_replies || is_named(cases, name)) {
				mock_of(&mocks, arena_dup(arena, name));
			}
		}
		if (step->role.len > 0 && (has_replies || is_named(cases, step->role))) {
			define_role(&mocks, arena_dup(arena, step->role));
		}
	}
}

/* ---- what nobody knows ---- */

static void refuse_name(struct mocks *mocks, struct slice name, uint32_t line, uint32_t column) {
	struct nearest nearest = nearest_begin(name);
	for (size_t i = 0; i < mocks->workflow->steps.len; i++) {
		nearest_offer(&nearest, mocks->workflow->steps.items[i].name);
	}
	for (size_t i = 0; i < mocks->runner->roles.len; i++) {
		nearest_offer(&nearest, mocks->runner->roles.items[i].name);
	}
	for (size_t i = 0; i < mocks->runner->backends.len; i++) {
		nearest_offer(&nearest, mocks->runner->backends.items[i].name);
	}
	problems_add(mocks->problems, line, column,
		"`%.*s` is no query step, role or backend of this workflow", SLICE_FMT(name));
	if (nearest.found.data != NULL) {
		problems_hint(mocks->problems, "did you mean `%.*s`?", SLICE_FMT(nearest.found));
	}
}

/* Who is counted without replies of its own has those of "*", or none: asking it fails. */
static void count_silent(struct mocks *mocks) {
	const struct test_replies *others = test_find_replies(mocks->one, SLICE("*"));
	for (size_t i = 0; i < mocks->one->counts.len; i++) {
		const struct test_count *count = &mocks->one->counts.items[i];
		if (test_find_replies(mocks->one, count->name) == NULL) {
			struct test_replies silent = {
				.name = count->name, .line = count->line, .column = count->column};
			if (others != NULL) {
				silent.rows = others->rows;
			}
			/* it belongs to the case, which outlives what is made for it */
			*ARENA_PUSH(mocks->problems->arena, &mocks->one->replies) = silent;
		}
	}
}

struct test_replies *test_find_replies(struct test_case *one, struct slice name) {
	for (size_t i = 0; i < one->replies.len; i++) {
		if (slice_eq(one->replies.items[i].name, name)) {
			return &one->replies.items[i];
		}
	}
	return NULL;
}

/* ---- all ---- */

static void give_all(struct mocks *mocks) {
	struct test_replies *others = NULL;
	for (size_t i = 0; i < mocks->one->replies.len; i++) {
		struct test_replies *replies = &mocks->one->replies.items[i];
		struct role_replies search = {.replies = replies};
		if (slice_is(replies->name, "*")) {
			others = replies;
			continue;
		}
		if (give_step(mocks, replies)) {
			continue;
		}
		each_role(mocks, give_role, &search);
		if (search.is_found) {
			continue;
		}
		if (runner_find_backend(mocks->runner, replies->name) == NULL) {
			refuse_name(mocks, replies->name, replies->line, replies->column);
			continue;
		}
		give(mock_of(mocks, replies->name), replies);
	}
	for (size_t i = 0; others != NULL && i < mocks->runner->backends.len; i++) {
		if (!is_mocked(&mocks->runner->backends.items[i])) {
			give(&mocks->runner->backends.items[i], others);
		}
	}
}

bool test_mocks_place(struct test_case *one, struct runner_config *runner,
	struct workflow *workflow, struct arena *arena, struct problems *problems) {
	struct mocks mocks = {
		.one = one,
		.runner = runner,
		.workflow = workflow,
		.arena = arena,
		.problems = problems,
	};
	size_t errors = problems->error_count;
	each_role(&mocks, add_role_names, NULL);
	for (size_t i = 0; i < workflow->steps.len; i++) {
		add_names(&mocks, &workflow->steps.items[i].backends);
		workflow->steps.items[i].retry_delay_ms = 1;
	}
	for (size_t i = 0; i < runner->backends.len; i++) {
		tame(&runner->backends.items[i]);
	}
	count_silent(&mocks);
	give_all(&mocks);
	return errors == problems->error_count;
}
