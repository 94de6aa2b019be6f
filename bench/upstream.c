/*
 * bench-upstream: a fast single-threaded stand-in for a model provider, for the benchmark only.
 *
 *   POST /v1/chat/completions     OpenAI chat answer (JSON; SSE when the body says "stream":true)
 *   POST /v1/messages             Anthropic answer (the same)
 *   POST /v1/responses            OpenAI Responses answer (the same)
 *   POST /v1beta/models/X:METHOD  Gemini answer (SSE when the method is streamGenerateContent)
 *   GET  /v1/models               a model list (Anthropic's shape with anthropic-version)
 *
 * Answers are fixed bytes built once at start. Every text delta is an SSE event of EVENT_BYTES,
 * SSE framing included (GEMINI_EVENT_BYTES for Gemini), in an HTTP chunk of its own, sent by a
 * write of its own. The text of a JSON answer, and of each delta, holds one '~', so that a client
 * can count what arrived. The end of a Responses stream repeats the text four times.
 *
 * The model name may say how to stream: "-e200" 200 deltas, "-u150" one paced delta each 150 us,
 * "-idle" start and one delta, then silence until the client leaves. The command line has the
 * defaults.
 *
 *               read request --> reply (one send) ----------------------> read next request
 *   accept -->       |                                                     ^
 *                    \--> head and start events --> delta ... delta --> tail
 *                                                     |   ^
 *                                                     v   |
 *                                the lane: a queue of paced streams; the timer lets the first
 *                                of them send one delta and go to the end
 *
 * Pacing is one lane for all streams, so that two deltas never leave closer together than the
 * interval and each wakes the proxy on its own.
 */
#include "common.h"
#include "upstream_answers.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PROGRAM "bench-upstream"
#define REQUEST_LIMIT (64u << 20)
#define READ_BYTES 65536u
#define EVENTS_LIMIT 1000000u
#define INTERVAL_LIMIT_US 10000000u

enum connection_state {
	CONNECTION_READING,   /* waiting for a whole request */
	CONNECTION_REPLYING,  /* sending a whole answer or the tail of a stream */
	CONNECTION_STREAMING, /* sending the start events and deltas of a stream */
	CONNECTION_HOLDING,   /* idle stream: silent until the client leaves */
};

struct connection {
	int fd;
	enum connection_state state;
	bool waits_for_room; /* the socket buffer is full: EPOLLOUT is armed */
	bool is_in_lane;
	bool is_dead;
	char *in;
	size_t in_size, in_room;
	const char *out; /* out_size bytes are still to be sent */
	size_t out_size;
	char *tail; /* the end of the stream: sent as one write */
	const struct dialect *dialect;
	bool wants_usage, is_idle;
	uint64_t deltas, deltas_left, interval_us;
	struct connection *lane_next;
	struct connection *next, *previous; /* in `open` or, by `next` alone, in `dead` */
};

struct upstream {
	int epoll, listener, timer, signals;
	bool watches_stdin;
	struct dialect openai, anthropic, gemini, responses;
	struct text models_openai, models_anthropic, not_found, bad_request;
	uint64_t default_deltas, default_interval_us;
	struct connection *lane_first, *lane_last;
	struct connection *open;
	struct connection *dead; /* closed in this turn; freed at its end */
};

/* What a request asks for; the strings point into the connection's input. */
struct request {
	size_t size; /* head and body */
	const char *head, *body;
	size_t head_size, body_size;
};

/* ---- sending ---- */

static void connection_watch(
	struct upstream *upstream, struct connection *connection, bool waits_for_room) {
	if (connection->waits_for_room != waits_for_room) {
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLRDHUP | (waits_for_room ? EPOLLOUT : 0u),
			.data.ptr = connection,
		};
		connection->waits_for_room = waits_for_room;
		epoll_ctl(upstream->epoll, EPOLL_CTL_MOD, connection->fd, &event);
	}
}

static void timer_arm(struct upstream *upstream, uint64_t interval_us) {
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(interval_us / 1000000u),
		.it_value.tv_nsec = (long)(interval_us % 1000000u * 1000u),
	};
	timerfd_settime(upstream->timer, 0, &when, NULL);
}

static void lane_push(struct upstream *upstream, struct connection *connection) {
	connection->is_in_lane = true;
	connection->lane_next = NULL;
	if (upstream->lane_first == NULL) {
		upstream->lane_first = connection;
		timer_arm(upstream, connection->interval_us);
	} else {
		upstream->lane_last->lane_next = connection;
	}
	upstream->lane_last = connection;
}

static void lane_remove(struct upstream *upstream, struct connection *connection) {
	struct connection *before = NULL;
	for (struct connection *at = upstream->lane_first; at != NULL; at = at->lane_next) {
		if (at == connection) {
			*(before == NULL ? &upstream->lane_first : &before->lane_next) =
				at->lane_next;
			upstream->lane_last =
				upstream->lane_last == at ? before : upstream->lane_last;
			connection->is_in_lane = false;
			return;
		}
		before = at;
	}
}

static void connection_close(struct upstream *upstream, struct connection *connection) {
	if (connection->is_dead) {
		return;
	}
	if (connection->is_in_lane) {
		lane_remove(upstream, connection);
	}
	close(connection->fd);
	*(connection->previous == NULL ? &upstream->open : &connection->previous->next) =
		connection->next;
	if (connection->next != NULL) {
		connection->next->previous = connection->previous;
	}
	connection->is_dead = true;
	/* Events of this turn may still name it. */
	connection->next = upstream->dead;
	upstream->dead = connection;
}

/* Sends what is pending. False: the socket is full (EPOLLOUT armed) or the client is gone. */
static bool connection_flush(struct upstream *upstream, struct connection *connection) {
	while (connection->out_size > 0) {
		ssize_t sent =
			send(connection->fd, connection->out, connection->out_size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR) {
			continue;
		}
		if (sent < 0 && errno == EAGAIN) {
			connection_watch(upstream, connection, true);
			return false;
		}
		if (sent < 0) {
			connection_close(upstream, connection);
			return false;
		}
		connection->out += sent;
		connection->out_size -= (size_t)sent;
	}
	connection_watch(upstream, connection, false);
	return true;
}

static void connection_send(struct connection *connection, const struct text *text) {
	connection->out = text->data;
	connection->out_size = text->size;
}

static void tail_add(struct connection *connection, const char *data, size_t size) {
	memcpy(connection->tail + connection->out_size, data, size);
	connection->out_size += size;
}

/* Adds an event in a chunk of its own, the whole text of the stream in place of the mark. */
static void tail_add_repeat(struct connection *connection, const struct text *event) {
	const struct text *piece = &connection->dialect->piece;
	size_t before =
		(size_t)((const char *)memchr(event->data, REPEAT_MARK, event->size) - event->data);
	char chunk_size[32];
	int digits = snprintf(chunk_size, sizeof chunk_size, "%zx\r\n",
		event->size - 1 + piece->size * connection->deltas);
	tail_add(connection, chunk_size, (size_t)digits);
	tail_add(connection, event->data, before);
	for (uint64_t i = 0; i < connection->deltas; i++) {
		tail_add(connection, piece->data, piece->size);
	}
	tail_add(connection, event->data + before + 1, event->size - before - 1);
	tail_add(connection, "\r\n", 2);
}

/* Repeated text, finish, usage if it was asked for, and the end marker leave in one write. */
static void connection_send_tail(struct connection *connection) {
	const struct dialect *dialect = connection->dialect;
	const struct text *parts[] = {
		&dialect->tail, connection->wants_usage ? &dialect->usage : NULL, &dialect->end};
	size_t room =
		(sizeof(struct text) + dialect->piece.size * connection->deltas) * (REPEATS + 3);
	free(connection->tail);
	connection->tail = malloc(room);
	if (connection->tail == NULL) {
		bench_die(PROGRAM, "malloc");
	}
	connection->out = connection->tail;
	for (size_t i = 0; i < REPEATS && dialect->repeats[i].size > 0; i++) {
		tail_add_repeat(connection, &dialect->repeats[i]);
	}
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i] != NULL) {
			tail_add(connection, parts[i]->data, parts[i]->size);
		}
	}
}

/*
 * Sends until the socket is full, the stream must wait for its turn in the lane, or the answer is
 * complete (true).
 */
static bool connection_pump(struct upstream *upstream, struct connection *connection) {
	while (connection_flush(upstream, connection)) {
		if (connection->state != CONNECTION_STREAMING) {
			return connection->state == CONNECTION_REPLYING;
		}
		if (connection->deltas_left == 0 && connection->is_idle) {
			connection->state = CONNECTION_HOLDING;
			return false;
		}
		if (connection->deltas_left == 0) {
			connection->state = CONNECTION_REPLYING;
			connection_send_tail(connection);
		} else if (connection->interval_us > 0) {
			lane_push(upstream, connection);
			return false;
		} else {
			connection->deltas_left--;
			connection_send(connection, &connection->dialect->delta);
		}
	}
	return false;
}

/* ---- requests ---- */

/* The value of a string or bare member `"name":` anywhere in the JSON text; NULL when absent. */
static const char *member(const struct request *request, const char *quoted_name, size_t *size) {
	const char *at =
		memmem(request->body, request->body_size, quoted_name, strlen(quoted_name));
	if (at == NULL) {
		return NULL;
	}
	const char *end = request->body + request->body_size;
	for (at += strlen(quoted_name); at < end && strchr(": \t\r\n", *at) != NULL; at++) {
	}
	size_t length = 0;
	while (at + length < end && strchr(",}\r\n", at[length]) == NULL) {
		length++;
	}
	*size = length;
	return at;
}

/* The number after "-letter" in the model name, else the default. */
static uint64_t model_number(const char *model, char letter, uint64_t otherwise, uint64_t largest) {
	for (const char *at = strchr(model, '-'); at != NULL; at = strchr(at + 1, '-')) {
		if (at[1] == letter && at[2] >= '0' && at[2] <= '9') {
			uint64_t value = strtoull(at + 2, NULL, 10);
			return value < largest ? value : largest;
		}
	}
	return otherwise;
}

/* Whether a stream is asked for: by the method in Gemini's paths, else by a member. */
static bool wants_stream(const struct request *request, const char *model_in_path) {
	size_t size = 0;
	if (model_in_path != NULL) {
		return strstr(model_in_path, ":streamGenerateContent") != NULL;
	}
	const char *stream = member(request, "\"stream\"", &size);
	return stream != NULL && size >= 4 && memcmp(stream, "true", 4) == 0;
}

/* Begins the answer; `model_in_path` is the path from the model's name on, or NULL. */
static void begin_answer(struct upstream *upstream, struct connection *connection,
	const struct request *request, const struct dialect *dialect, const char *model_in_path) {
	if (!wants_stream(request, model_in_path)) {
		connection_send(connection, &dialect->reply);
		return;
	}
	char model[128] = "";
	size_t size = model_in_path != NULL ? strcspn(model_in_path, ": \r") : 0;
	const char *name =
		model_in_path != NULL ? model_in_path : member(request, "\"model\"", &size);
	if (name != NULL) {
		memcpy(model, name, size < sizeof model - 1 ? size : sizeof model - 1);
	}
	connection->state = CONNECTION_STREAMING;
	connection->dialect = dialect;
	connection->is_idle = strstr(model, "-idle") != NULL;
	connection->wants_usage = member(request, "\"include_usage\"", &size) != NULL;
	connection->deltas = model_number(model, 'e', upstream->default_deltas, EVENTS_LIMIT);
	connection->interval_us =
		model_number(model, 'u', upstream->default_interval_us, INTERVAL_LIMIT_US);
	if (connection->is_idle) {
		connection->deltas = 1;
		connection->interval_us = 0;
	}
	connection->deltas_left = connection->deltas;
	connection_send(connection, &dialect->start);
}

static void dispatch(
	struct upstream *upstream, struct connection *connection, const struct request *request) {
	static const char models[] = "GET /v1/models ";
	const struct {
		const char *begin;
		const struct dialect *dialect;
		bool has_model_in_path;
	} routes[] = {
		{"POST /v1/chat/completions ", &upstream->openai, false},
		{"POST /v1/messages ", &upstream->anthropic, false},
		{"POST /v1/responses ", &upstream->responses, false},
		{"POST /v1beta/models/", &upstream->gemini, true},
	};
	connection->state = CONNECTION_REPLYING;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		size_t size = strlen(routes[i].begin);
		if (strncmp(request->head, routes[i].begin, size) == 0) {
			begin_answer(upstream, connection, request, routes[i].dialect,
				routes[i].has_model_in_path ? request->head + size : NULL);
			return;
		}
	}
	if (strncmp(request->head, models, sizeof models - 1) == 0) {
		bool is_anthropic = strcasestr(request->head, "\nanthropic-version:") != NULL;
		connection_send(connection,
			is_anthropic ? &upstream->models_anthropic : &upstream->models_openai);
	} else {
		connection_send(connection, &upstream->not_found);
	}
}

/*
 * Finds a whole request at the start of the input. False: more bytes are needed. The head gets a
 * terminating NUL in place of its last LF. size 0: not understood (no length, or too long).
 */
static bool take_request(struct connection *connection, struct request *request) {
	char *blank = connection->in_size == 0
			      ? NULL
			      : memmem(connection->in, connection->in_size, "\r\n\r\n", 4);
	if (blank == NULL) {
		*request = (struct request){0};
		return connection->in_size > READ_BYTES;
	}
	blank[3] = '\0';
	*request = (struct request){
		.head = connection->in,
		.head_size = (size_t)(blank + 4 - connection->in),
		.body = blank + 4,
	};
	const char *length = strcasestr(request->head, "\ncontent-length:");
	uint64_t body_size = length == NULL ? 0 : strtoull(length + 16, NULL, 10);
	bool is_understood = body_size <= REQUEST_LIMIT - READ_BYTES &&
			     strcasestr(request->head, "\ntransfer-encoding:") == NULL;
	if (is_understood && connection->in_size - request->head_size < body_size) {
		blank[3] = '\n';
		return false;
	}
	request->body_size = is_understood ? body_size : 0;
	request->size = is_understood ? request->head_size + request->body_size : 0;
	return true;
}

/* Answers the requests that are complete, one after the other. */
static void connection_serve(struct upstream *upstream, struct connection *connection) {
	struct request request;
	while (!connection->is_dead && connection->state == CONNECTION_READING &&
		take_request(connection, &request)) {
		if (request.size == 0) {
			connection_send(connection, &upstream->bad_request);
			connection_flush(upstream, connection);
			connection_close(upstream, connection);
			return;
		}
		dispatch(upstream, connection, &request);
		connection->in_size -= request.size;
		memmove(connection->in, connection->in + request.size, connection->in_size);
		if (connection_pump(upstream, connection)) {
			connection->state = CONNECTION_READING;
		}
	}
}

static void connection_read(struct upstream *upstream, struct connection *connection) {
	if (connection->in_room - connection->in_size < READ_BYTES) {
		size_t room = connection->in_room == 0 ? READ_BYTES : connection->in_room * 2;
		char *grown = room > REQUEST_LIMIT * 2 ? NULL : realloc(connection->in, room);
		if (grown == NULL) {
			connection_close(upstream, connection);
			return;
		}
		connection->in = grown;
		connection->in_room = room;
	}
	ssize_t got = read(connection->fd, connection->in + connection->in_size,
		connection->in_room - connection->in_size);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		connection_close(upstream, connection);
		return;
	}
	connection->in_size += (size_t)got;
	connection_serve(upstream, connection);
}

/* ---- the loop ---- */

static void accept_all(struct upstream *upstream) {
	int fd;
	while ((fd = accept4(upstream->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *connection = calloc(1, sizeof *connection);
		if (connection == NULL) {
			bench_die(PROGRAM, "calloc");
		}
		bench_set_nodelay(fd);
		connection->fd = fd;
		connection->next = upstream->open;
		if (connection->next != NULL) {
			connection->next->previous = connection;
		}
		upstream->open = connection;
		struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
		if (epoll_ctl(upstream->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
			bench_die(PROGRAM, "epoll_ctl");
		}
	}
}

/* The timer fired: the first stream of the lane sends one delta. */
static void lane_step(struct upstream *upstream) {
	uint64_t expirations;
	if (read(upstream->timer, &expirations, sizeof expirations) < 0) {
		return;
	}
	struct connection *connection = upstream->lane_first;
	if (connection == NULL) {
		return;
	}
	lane_remove(upstream, connection);
	if (upstream->lane_first != NULL) {
		timer_arm(upstream, upstream->lane_first->interval_us);
	}
	connection->deltas_left--;
	connection_send(connection, &connection->dialect->delta);
	if (connection_pump(upstream, connection)) {
		connection->state = CONNECTION_READING;
		connection_serve(upstream, connection);
	}
}

static void connection_ready(
	struct upstream *upstream, struct connection *connection, uint32_t events) {
	if (connection->is_dead) {
		return;
	}
	if ((events & EPOLLOUT) != 0 && connection_pump(upstream, connection)) {
		connection->state = CONNECTION_READING;
		connection_serve(upstream, connection);
	}
	if (!connection->is_dead && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
		connection_read(upstream, connection);
	}
}

static void free_dead(struct upstream *upstream) {
	while (upstream->dead != NULL) {
		struct connection *connection = upstream->dead;
		upstream->dead = connection->next;
		free(connection->in);
		free(connection->tail);
		free(connection);
	}
}

/* Serves until SIGTERM, SIGINT or (when watched) the end of stdin. */
static void run(struct upstream *upstream) {
	struct epoll_event events[256];
	for (bool is_running = true; is_running;) {
		int count = epoll_wait(upstream->epoll, events, 256, -1);
		for (int i = 0; i < count; i++) {
			void *source = events[i].data.ptr;
			if (source == &upstream->listener) {
				accept_all(upstream);
			} else if (source == &upstream->timer) {
				lane_step(upstream);
			} else if (source == &upstream->signals || source == upstream) {
				is_running = false;
			} else {
				connection_ready(upstream, source, events[i].events);
			}
		}
		free_dead(upstream);
	}
}

static void build_answers(struct upstream *upstream) {
	build_openai(&upstream->openai);
	build_anthropic(&upstream->anthropic);
	build_gemini(&upstream->gemini);
	build_responses(&upstream->responses);
	text_set_json(&upstream->models_openai, "200 OK",
		"{\"object\":\"list\",\"data\":[{\"id\":\"bench-model\",\"object\":\"model\","
		"\"created\":1700000000,\"owned_by\":\"bench\"}]}");
	text_set_json(&upstream->models_anthropic, "200 OK",
		"{\"data\":[{\"type\":\"model\",\"id\":\"bencha-model\",\"display_name\":\"Bench\","
		"\"created_at\":\"2023-11-14T22:13:20Z\"}],\"has_more\":false,"
		"\"first_id\":\"bencha-model\",\"last_id\":\"bencha-model\"}");
	text_set_json(&upstream->not_found, "404 Not Found",
		"{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\","
		"\"message\":\"no such path\"}}");
	text_set_json(&upstream->bad_request, "400 Bad Request",
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
		"\"message\":\"not a request this stub understands\"}}");
}

static void watch(struct upstream *upstream, int fd, void *source) {
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	if (fd < 0 || epoll_ctl(upstream->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		bench_die(PROGRAM, "setting up");
	}
}

/* Opens listener, timer and signals; prints the port. */
static void start(struct upstream *upstream) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	upstream->epoll = epoll_create1(EPOLL_CLOEXEC);
	upstream->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	upstream->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	upstream->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = bench_loopback(0);
	socklen_t size = sizeof address;
	if (bind(upstream->listener, (struct sockaddr *)&address, size) != 0 ||
		listen(upstream->listener, 4096) != 0 ||
		getsockname(upstream->listener, (struct sockaddr *)&address, &size) != 0) {
		bench_die(PROGRAM, "listening on 127.0.0.1");
	}
	watch(upstream, upstream->signals, &upstream->signals);
	watch(upstream, upstream->timer, &upstream->timer);
	watch(upstream, upstream->listener, &upstream->listener);
	if (upstream->watches_stdin) {
		watch(upstream, STDIN_FILENO, upstream);
	}
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
}

static const char usage_text[] =
	"usage: bench-upstream [--events N] [--interval-us N] [--watch-stdin]\n"
	"  --events N       text deltas of a stream (200)\n"
	"  --interval-us N  time between two paced deltas, over all streams; 0: no pacing (0)\n"
	"  --watch-stdin    end when stdin ends\n"
	"Prints its port on 127.0.0.1. The model names X-e<events>-u<interval> and X-idle "
	"overrule.\n";

int main(int argc, char **argv) {
	static const struct option options[] = {
		{"events", required_argument, NULL, 'e'},
		{"interval-us", required_argument, NULL, 'u'},
		{"watch-stdin", no_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct upstream upstream = {.default_deltas = 200};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'e':
			upstream.default_deltas =
				bench_number(PROGRAM, "events", optarg, 0, EVENTS_LIMIT);
			break;
		case 'u':
			upstream.default_interval_us =
				bench_number(PROGRAM, "interval-us", optarg, 0, INTERVAL_LIMIT_US);
			break;
		case 'w':
			upstream.watches_stdin = true;
			break;
		default:
			fputs(usage_text, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	build_answers(&upstream);
	start(&upstream);
	run(&upstream);
	while (upstream.open != NULL) {
		connection_close(&upstream, upstream.open);
	}
	free_dead(&upstream);
	return 0;
}
