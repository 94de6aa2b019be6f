/* mux_help.c: see mux_help.h. */
#include "mux/mux_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/runner.h"

static void on_tick(struct loop_timer *timer) {
	(void)timer;
}

void run_turn(struct loop *loop) {
	struct loop_timer tick;
	loop_timer_init(loop, &tick, on_tick, NULL);
	loop_timer_start(&tick, 5);
	assert_true(loop_run_once(loop, true));
	loop_timer_stop(&tick);
}

/* ---- recorder ---- */

static void recorder_on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct recorder *r = (struct recorder *)(void *)sink;
	assert_false(r->is_released);
	assert_false(r->has_ended);
	r->count++;
	if (event->type == CHAT_EVENT_WIRE) {
		buf_append(&r->wire, event->text);
	} else {
		chat_event_to_json(event, &r->events);
		buf_append_byte(&r->events, '\n');
	}
	switch (event->type) {
	case CHAT_EVENT_START:
		r->starts++;
		break;
	case CHAT_EVENT_TEXT_DELTA:
		buf_append(&r->text, event->text);
		break;
	case CHAT_EVENT_THINKING_DELTA:
		buf_append(&r->thinking, event->text);
		break;
	case CHAT_EVENT_TOOL_START:
		r->tools++;
		break;
	case CHAT_EVENT_TOOL_ARGS_DELTA:
		buf_append(&r->args, event->text);
		break;
	case CHAT_EVENT_USAGE:
		chat_usage_merge(&r->usage, event->usage);
		r->has_usage_after_finish |= r->finishes > 0;
		break;
	case CHAT_EVENT_FINISH:
		r->finishes++;
		r->reason = event->finish.reason;
		break;
	case CHAT_EVENT_ERROR:
		r->errors++;
		r->error = *event->error.error;
		break;
	case CHAT_EVENT_END:
		r->has_ended = true;
		break;
	default:
		break;
	}
	if (r->count == r->release_at) {
		r->is_released = true;
		mux_call_release(r->call);
	}
}

void recorder_init(struct recorder *recorder) {
	*recorder = (struct recorder){.sink.on_event = recorder_on_event};
	chat_usage_init(&recorder->usage);
}

void recorder_finish(struct recorder *recorder) {
	buf_finish(&recorder->events);
	buf_finish(&recorder->wire);
	buf_finish(&recorder->text);
	buf_finish(&recorder->thinking);
	buf_finish(&recorder->args);
}

/* ---- mux ---- */

/* A file with the text, and the port where it says PORT. */
static void write_file(int fd, const char *text, int port) {
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	for (const char *at = text; *at != '\0';) {
		if (strncmp(at, "PORT", 4) == 0) {
			fprintf(file, "%d", port);
			at += 4;
		} else {
			fputc(*at++, file);
		}
	}
	fclose(file);
}

static struct config *load(const char *text, int port, bool is_runner) {
	char path[] = "/tmp/llm-mux-test-XXXXXX.yaml";
	if (is_runner) {
		memcpy(strrchr(path, '.'), ".toml", 6);
	}
	write_file(mkstemps(path, 5), text, port);
	struct runner_request request = {
		.config = {.path = path, .dir = "/nonexistent"}, .dir = "/"};
	struct buf report;
	struct error error;
	buf_init(&report, 0);
	struct config *config = is_runner ? runner_config_load(&request, false, &report, &error)
					  : config_load(&request.config, false, &report, &error);
	unlink(path);
	if (config == NULL) {
		fail_msg("%s: %.*s", error.message, SLICE_FMT(buf_slice(&report)));
	}
	buf_finish(&report);
	return config;
}

static void begin(
	struct mux_fixture *f, const char *text, bool is_runner, char *const *environment) {
	struct error error;
	f->loop = loop_create(&error);
	assert_non_null(f->loop);
	f->fake = fake_create(f->loop);
	f->config = load(text, fake_port(f->fake), is_runner);
	f->secrets = is_runner ? runner_secrets_create() : NULL;
	struct mux_options options = {.config = f->config,
		.user_agent = "llm-mux/test",
		.environment = environment,
		.secrets = f->secrets};
	f->mux = mux_create(&options, &error);
	if (f->mux == NULL) {
		fail_msg("%s", error.message);
	}
	f->mux_loop = mux_loop_create(f->mux, f->loop, &error);
	assert_non_null(f->mux_loop);
}

void mux_fixture_begin(struct mux_fixture *f, const char *yaml) {
	begin(f, yaml, false, NULL);
}

void mux_fixture_begin_runner(struct mux_fixture *f, const char *toml, char *const *environment) {
	static char *const none[] = {NULL};
	begin(f, toml, true, environment != NULL ? environment : none);
}

void mux_fixture_end(struct mux_fixture *f) {
	mux_loop_destroy(f->mux_loop);
	mux_destroy(f->mux);
	runner_secrets_destroy(f->secrets);
	config_unref(f->config);
	fake_destroy(f->fake);
	loop_destroy(f->loop);
}

void mux_client_submit(struct mux_client *client, struct mux_fixture *f, enum format_id format_id,
	enum chat_op op, const char *body, bool takes_wire) {
	const struct format *format = format_get(format_id);
	struct error error;
	assert_non_null(format);
	arena_init(&client->arena, loop_arena_pool(f->loop), 0);
	client->request = (struct chat_request){.arena = &client->arena};
	struct format_parse parse = {.body = slice_of(body), .op = op, .headers = &client->headers};
	parse.arena = &client->arena;
	parse.tree = json_parse(&client->arena, parse.body, NULL, &error);
	assert_non_null(parse.tree);
	if (!format->parse_request(&parse, &client->request, &error)) {
		fail_msg("%s", error.message);
	}
	struct mux_request request = {
		.request = &client->request,
		.sink = &client->recorder.sink,
		.takes_wire = takes_wire,
		.client_headers = &client->headers,
	};
	client->call = mux_submit(f->mux_loop, &request);
	client->recorder.call = client->call;
	assert_int_equal(client->recorder.count, 0);
}

void mux_client_wait(struct mux_client *client, struct mux_fixture *f) {
	while (!client->recorder.has_ended && !client->recorder.is_released) {
		run_turn(f->loop);
	}
}

void mux_client_finish(struct mux_client *client, struct mux_fixture *f) {
	if (!client->recorder.is_released) {
		client->recorder.is_released = true;
		mux_call_release(client->call);
	}
	loop_run_once(f->loop, false);
	arena_finish(&client->arena);
	recorder_finish(&client->recorder);
}
