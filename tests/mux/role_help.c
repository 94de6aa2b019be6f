/* role_help.c: see role_help.h. */
#include "mux/role_help.h"

static void count_event(struct role_client *client) {
	assert_false(client->is_released);
	if (++client->events == client->release_at) {
		client->is_released = true;
		role_call_release(client->call);
	}
}

static void on_progress(void *data, const struct role_progress *progress) {
	static const char *const words[] = {[ROLE_PROGRESS_STARTED] = "start",
		[ROLE_PROGRESS_TEXT] = "text",
		[ROLE_PROGRESS_RETRYING] = "retry",
		[ROLE_PROGRESS_ENDED] = "end"};
	struct role_client *client = data;
	assert_null(client->result);
	assert_true(progress->ended <= progress->total);
	if (progress->kind == ROLE_PROGRESS_TEXT) {
		buf_append(&client->streamed, progress->text);
	} else {
		buf_printf(&client->log, "%s%s %s", client->log.len > 0 ? ", " : "",
			words[progress->kind], progress->backend);
	}
	if (progress->kind == ROLE_PROGRESS_RETRYING) {
		assert_non_null(progress->error);
		assert_true(client->retries < ROLE_MAX_BACKENDS);
		client->waits_ms[client->retries++] = progress->retry_in_ms;
	}
	count_event(client);
}

static void on_done(void *data, const struct role_result *result) {
	struct role_client *client = data;
	assert_null(client->result);
	client->result = result;
	count_event(client);
}

void role_client_begin(struct role_client *client, struct mux_fixture *f, enum role_mode mode,
	const char *backends) {
	struct slice rest = slice_of(backends), name;
	arena_init(&client->arena, loop_arena_pool(f->loop), 0);
	client->plan.name = "the role";
	client->plan.mode = mode;
	client->plan.backends = client->names;
	while (rest.len > 0 && slice_split(&rest, ',', &name)) {
		assert_true(client->plan.backend_count < ROLE_MAX_BACKENDS);
		client->names[client->plan.backend_count++] = name;
	}
	client->request.plan = &client->plan;
	client->request.arena = &client->arena;
	client->request.on_progress = on_progress;
	client->request.on_done = on_done;
	client->request.data = client;
	if (client->request.prompt.data == NULL) {
		client->request.prompt = SLICE("Hello there");
	}
	client->call = role_submit(f->mux_loop, &client->request);
	assert_int_equal(client->events, 0);
}

void role_client_wait(struct role_client *client, struct mux_fixture *f) {
	while (client->result == NULL && !client->is_released) {
		run_turn(f->loop);
	}
}

void role_client_finish(struct role_client *client, struct mux_fixture *f) {
	if (!client->is_released) {
		client->is_released = true;
		role_call_release(client->call);
	}
	loop_run_once(f->loop, false);
	buf_finish(&client->log);
	buf_finish(&client->streamed);
	arena_finish(&client->arena);
}

void role_client_ask(struct role_client *client, struct mux_fixture *f, enum role_mode mode,
	const char *backends) {
	role_client_begin(client, f, mode, backends);
	role_client_wait(client, f);
}

void assert_text(struct slice text, const char *expected) {
	if (!slice_is(text, expected)) {
		fail_msg("is: %.*s\nexpected: %s", SLICE_FMT(text), expected);
	}
}

void assert_says(const char *message, const char *part) {
	if (strstr(message, part) == NULL) {
		fail_msg("does not say: %s\nbut: %s", part, message);
	}
}
