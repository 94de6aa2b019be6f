/*
 * bench-load: a bounded load generator for chat requests on 127.0.0.1, for the benchmark only.
 *
 * Closed loop: `concurrency` keep-alive connections, each sends its next request when the answer
 * to the last one is complete, until `requests` have been sent. Every answer is checked: status
 * 200, complete framing, the dialect's end mark, the number of text pieces. Prints one JSON line.
 *
 * With --hold, opens that many streams instead (at most OPENING_LIMIT being set up at a time),
 * waits until each has delivered text, prints {"holding":N}, and holds them until stdin ends or a
 * SIGTERM or SIGINT arrives; then prints the JSON line.
 *
 * It never runs without bound: requests and time are both limited.
 */
#include "common.h"

#include "answer.h"

#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PROGRAM "bench-load"
#define CONCURRENCY_LIMIT 10000u
#define REQUESTS_LIMIT 10000000u
#define OPENING_LIMIT 64u
#define SLOW_NS 35000000u /* a delayed ACK takes 40 ms; nothing on loopback should */

/* What a client of one wire dialect sends, and what the end of its answers looks like. */
struct dialect {
	const char *name, *path, *headers, *json_end, *stream_end;
	/* With these the model is a part of the path, and they follow it. */
	const char *json_method, *stream_method;
	const char *body; /* printf: the member "model" if it is not in the path, text, stream
			     members */
	const char *stream_members;
	uint64_t tellings; /* how often a stream tells each piece of text */
};

static const struct dialect dialects[] = {
	{
		.name = "openai",
		.path = "/v1/chat/completions",
		.headers = "Authorization: Bearer %s\r\n",
		.json_end = "\"finish_reason\":\"stop\"",
		.stream_end = "data:[DONE]",
		.body = "{%s\"messages\":[{\"role\":\"system\",\"content\":"
			"\"You are a careful assistant. Answer in short words.\"},"
			"{\"role\":\"user\",\"content\":\"What is a multiplexer?\"},"
			"{\"role\":\"assistant\",\"content\":\"A thing that lets many use one.\"},"
			"{\"role\":\"user\",\"content\":\"%s\"}],"
			"\"temperature\":0.2,\"max_tokens\":1024%s}",
		.stream_members = ",\"stream\":true,\"stream_options\":{\"include_usage\":true}",
		.tellings = 1,
	},
	{
		.name = "anthropic",
		.path = "/v1/messages",
		.headers = "x-api-key: %s\r\nanthropic-version: 2023-06-01\r\n",
		.json_end = "\"stop_reason\":\"end_turn\"",
		.stream_end = "event:message_stop",
		.body = "{%s\"max_tokens\":1024,\"system\":"
			"\"You are a careful assistant. Answer in short words.\",\"messages\":["
			"{\"role\":\"user\",\"content\":\"What is a multiplexer?\"},"
			"{\"role\":\"assistant\",\"content\":\"A thing that lets many use one.\"},"
			"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}],"
			"\"temperature\":0.2%s}",
		.stream_members = ",\"stream\":true",
		.tellings = 1,
	},
	{
		.name = "gemini",
		.path = "/v1beta/models/",
		.headers = "x-goog-api-key: %s\r\n",
		.json_end = "\"finishReason\":\"STOP\"",
		.stream_end = "\"finishReason\":\"STOP\"",
		.json_method = ":generateContent",
		.stream_method = ":streamGenerateContent?alt=sse",
		.body = "{%s\"systemInstruction\":{\"parts\":[{\"text\":"
			"\"You are a careful assistant. Answer in short words.\"}]},\"contents\":["
			"{\"role\":\"user\",\"parts\":[{\"text\":\"What is a multiplexer?\"}]},"
			"{\"role\":\"model\",\"parts\":[{\"text\":"
			"\"A thing that lets many use one.\"}]},"
			"{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}],"
			"\"generationConfig\":{\"temperature\":0.2,\"maxOutputTokens\":1024}%s}",
		.stream_members = "",
		.tellings = 1,
	},
	{
		.name = "responses",
		.path = "/v1/responses",
		.headers = "Authorization: Bearer %s\r\n",
		.json_end = "\"status\":\"completed\"",
		.stream_end = "event:response.completed",
		.body = "{%s\"instructions\":"
			"\"You are a careful assistant. Answer in short words.\",\"input\":["
			"{\"role\":\"user\",\"content\":\"What is a multiplexer?\"},"
			"{\"role\":\"assistant\",\"content\":\"A thing that lets many use one.\"},"
			"{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"%s\"}]"
			"}],"
			"\"temperature\":0.2,\"max_output_tokens\":1024,\"store\":false%s}",
		.stream_members = ",\"stream\":true",
		/* The delta, and the ends of text, part, item and response. */
		.tellings = 5,
	},
};

struct settings {
	const struct dialect *dialect;
	uint16_t port;
	const char *model, *key;
	bool is_stream;
	uint64_t concurrency, requests, hold, prompt_bytes, timeout_s;
	bool checks_texts;
	uint64_t texts; /* pieces of text a complete answer has */
};

enum connection_state {
	CONNECTION_UNUSED,
	CONNECTION_CONNECTING,
	CONNECTION_SENDING,
	CONNECTION_RECEIVING,
	CONNECTION_HELD, /* --hold: has delivered text */
};

struct connection {
	enum connection_state state;
	int fd;
	size_t sent;
	uint64_t began_ns;
	bool has_first_byte;
	struct answer answer;
};

struct load {
	struct settings settings;
	int epoll, signals;
	char *request;
	size_t request_size;
	struct connection *connections;
	uint64_t started, finished, failed, opening, held, opened;
	uint64_t reads, bytes, http_chunks, sse_events, texts, slow;
	uint64_t *latencies_ns, *first_bytes_ns; /* of the answers that were right */
	uint64_t right, first_bytes;
	char first_error[256];
};

/* ---- the request ---- */

static char *build_request(const struct settings *settings, size_t *size) {
	static const char words[] = "Explain it again, in other words and with an example. ";
	const struct dialect *dialect = settings->dialect;
	char *prompt = malloc(settings->prompt_bytes + 1);
	if (prompt == NULL) {
		bench_die(PROGRAM, "malloc");
	}
	for (size_t i = 0; i < settings->prompt_bytes; i++) {
		prompt[i] = words[i % (sizeof words - 1)];
	}
	prompt[settings->prompt_bytes] = '\0';

	char *headers = NULL, *body = NULL, *request = NULL, *model = NULL;
	const char *members = settings->is_stream ? dialect->stream_members : "";
	const char *method = settings->is_stream ? dialect->stream_method : dialect->json_method;
	if (asprintf(&model, "\"model\":\"%s\",", settings->model) < 0) {
		bench_die(PROGRAM, "asprintf");
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* both formats are rows of `dialects` */
	int headers_size = asprintf(&headers, dialect->headers, settings->key);
	int body_size =
		asprintf(&body, dialect->body, method == NULL ? model : "", prompt, members);
#pragma GCC diagnostic pop
	int request_size =
		headers_size < 0 || body_size < 0
			? -1
			: asprintf(&request,
				  "POST %s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s"
				  "Content-Type: application/json\r\nAccept: */*\r\n"
				  "User-Agent: bench-load\r\nContent-Length: %d\r\n\r\n%s",
				  dialect->path, method == NULL ? "" : settings->model,
				  method == NULL ? "" : method, settings->port, headers, body_size,
				  body);
	if (request_size < 0) {
		bench_die(PROGRAM, "asprintf");
	}
	free(prompt);
	free(model);
	free(headers);
	free(body);
	*size = (size_t)request_size;
	return request;
}

/* ---- connections ---- */

static void note_failure(struct load *load, const char *what, const struct answer *answer) {
	load->failed++;
	load->finished++;
	if (load->first_error[0] == '\0') {
		snprintf(load->first_error, sizeof load->first_error,
			"%s (status %d, %llu body bytes, %llu texts)", what,
			answer == NULL ? 0 : answer->status,
			answer == NULL ? 0 : (unsigned long long)answer->body_bytes,
			answer == NULL ? 0 : (unsigned long long)answer->texts);
	}
}

static void connection_watch(struct load *load, struct connection *connection, uint32_t events) {
	struct epoll_event event = {.events = events, .data.ptr = connection};
	epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void connection_close(struct connection *connection) {
	if (connection->state != CONNECTION_UNUSED) {
		close(connection->fd);
		connection->state = CONNECTION_UNUSED;
	}
}

static void connection_fail(struct load *load, struct connection *connection, const char *what) {
	load->opening -= connection->state == CONNECTION_CONNECTING ||
			 (load->settings.hold > 0 && connection->state != CONNECTION_HELD);
	note_failure(load, what, &connection->answer);
	connection_close(connection);
}

static void connection_send(struct load *load, struct connection *connection) {
	while (connection->sent < load->request_size) {
		ssize_t sent = send(connection->fd, load->request + connection->sent,
			load->request_size - connection->sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR) {
			continue;
		}
		if (sent < 0 && errno == EAGAIN) {
			connection_watch(load, connection, EPOLLIN | EPOLLOUT);
			return;
		}
		if (sent < 0) {
			connection_fail(load, connection, "sending failed");
			return;
		}
		connection->sent += (size_t)sent;
	}
	connection->state = CONNECTION_RECEIVING;
}

/* Begins one request on an open connection. */
static void connection_begin(struct load *load, struct connection *connection) {
	const struct settings *settings = &load->settings;
	answer_start(&connection->answer,
		settings->is_stream ? settings->dialect->stream_end : settings->dialect->json_end);
	connection->sent = 0;
	connection->has_first_byte = false;
	connection->state = CONNECTION_SENDING;
	connection->began_ns = bench_now_ns();
	load->started++;
	connection_send(load, connection);
}

static void connection_open(struct load *load, struct connection *connection) {
	struct sockaddr_in address = bench_loopback(load->settings.port);
	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0) {
		bench_die(PROGRAM, "socket");
	}
	bench_set_nodelay(connection->fd);
	connection->state = CONNECTION_CONNECTING;
	answer_start(&connection->answer, "");
	load->opening++;
	load->opened++;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
		bench_die(PROGRAM, "epoll_ctl");
	}
	if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
		errno != EINPROGRESS) {
		load->started++;
		connection_fail(load, connection, "connecting failed");
	}
}

static void connection_connected(struct load *load, struct connection *connection) {
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error != 0) {
		load->started++;
		connection_fail(load, connection, "connecting failed");
		return;
	}
	load->opening -= load->settings.hold == 0;
	connection_watch(load, connection, EPOLLIN);
	connection_begin(load, connection);
}

/* How often a complete answer tells each piece of text. */
static uint64_t tellings(const struct settings *settings) {
	return settings->is_stream ? settings->dialect->tellings : 1;
}

/* What is wrong with a complete answer, or NULL. */
static const char *answer_fault(const struct settings *settings, const struct answer *answer) {
	if (answer->status != 200) {
		return "status is not 200";
	}
	if (!answer->has_ended) {
		return "no end mark in the answer";
	}
	if (settings->checks_texts && answer->texts != settings->texts * tellings(settings)) {
		return "wrong number of text pieces";
	}
	return NULL;
}

static void connection_complete(struct load *load, struct connection *connection) {
	struct answer *answer = &connection->answer;
	uint64_t took_ns = bench_now_ns() - connection->began_ns;
	load->http_chunks += answer->http_chunks;
	load->sse_events += answer->sse_events;
	load->texts += answer->texts / tellings(&load->settings);
	load->slow += took_ns >= SLOW_NS;
	const char *fault = answer_fault(&load->settings, answer);
	if (fault != NULL) {
		note_failure(load, fault, answer);
	} else {
		load->latencies_ns[load->right++] = took_ns;
		load->finished++;
	}
	if (answer->closes || fault != NULL) {
		connection_close(connection);
	} else if (load->started < load->settings.requests) {
		connection_begin(load, connection);
	}
}

static void connection_received(
	struct load *load, struct connection *connection, const char *data, size_t size) {
	struct answer *answer = &connection->answer;
	if (!connection->has_first_byte) {
		connection->has_first_byte = true;
		load->first_bytes_ns[load->first_bytes++] = bench_now_ns() - connection->began_ns;
	}
	size_t taken = answer_feed(answer, data, size);
	bool is_broken = answer->state == ANSWER_BROKEN || taken < size;
	if (load->settings.hold > 0) {
		if (is_broken || answer->state == ANSWER_DONE) {
			connection_fail(load, connection, "a held stream ended");
		} else if (connection->state != CONNECTION_HELD && answer->texts > 0) {
			connection->state = CONNECTION_HELD;
			load->opening--;
			load->held++;
		}
	} else if (is_broken) {
		connection_fail(load, connection, "broken framing");
	} else if (answer->state == ANSWER_DONE) {
		connection_complete(load, connection);
	}
}

static void connection_receive(struct load *load, struct connection *connection) {
	char buffer[65536];
	ssize_t got = read(connection->fd, buffer, sizeof buffer);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		bool is_idle = connection->answer.state == ANSWER_DONE;
		if (is_idle) {
			connection_close(connection);
		} else {
			connection_fail(load, connection, "connection closed before the end");
		}
		return;
	}
	load->reads++;
	load->bytes += (uint64_t)got;
	if (connection->answer.state == ANSWER_DONE || connection->state == CONNECTION_SENDING) {
		connection_fail(load, connection, "bytes that belong to no answer");
		return;
	}
	connection_received(load, connection, buffer, (size_t)got);
}

static void connection_ready(struct load *load, struct connection *connection, uint32_t events) {
	switch (connection->state) {
	case CONNECTION_UNUSED:
		return;
	case CONNECTION_CONNECTING:
		connection_connected(load, connection);
		return;
	case CONNECTION_SENDING:
		if ((events & EPOLLOUT) != 0) {
			connection_send(load, connection);
			if (connection->state == CONNECTION_RECEIVING) {
				connection_watch(load, connection, EPOLLIN);
			}
		} else {
			connection_receive(load, connection);
		}
		return;
	case CONNECTION_RECEIVING:
	case CONNECTION_HELD:
		connection_receive(load, connection);
	}
}

/* ---- the run ---- */

/* Opens connections while there are requests nobody has begun. */
static void open_more(struct load *load) {
	uint64_t begun = load->settings.hold > 0 ? load->opened : load->started + load->opening;
	for (uint64_t i = 0; i < load->settings.concurrency && begun < load->settings.requests &&
			     load->opening < OPENING_LIMIT;
		i++) {
		if (load->connections[i].state == CONNECTION_UNUSED) {
			connection_open(load, &load->connections[i]);
			begun++;
		}
	}
}

/* False when stdin ended or a signal came. */
static bool turn(struct load *load, int timeout_ms) {
	struct epoll_event events[256];
	bool goes_on = true;
	int count = epoll_wait(load->epoll, events, 256, timeout_ms);
	for (int i = 0; i < count; i++) {
		char ignored[64];
		if (events[i].data.ptr == &load->signals) {
			goes_on = false;
		} else if (events[i].data.ptr == load) {
			goes_on = goes_on && read(STDIN_FILENO, ignored, sizeof ignored) > 0;
		} else {
			connection_ready(load, events[i].data.ptr, events[i].events);
		}
	}
	return goes_on;
}

/* Runs to the end, to the time limit, or (held streams) until told. */
static void run(struct load *load) {
	const struct settings *settings = &load->settings;
	uint64_t deadline_ns = bench_now_ns() + settings->timeout_s * 1000000000u;
	bool has_said = false;
	while (settings->hold > 0 ? load->failed == 0 : load->finished < settings->requests) {
		uint64_t now_ns = bench_now_ns();
		if (now_ns >= deadline_ns) {
			note_failure(load, "time limit reached", NULL);
			load->failed += settings->requests - load->finished;
			return;
		}
		open_more(load);
		if (settings->hold > 0 && load->held == settings->hold && !has_said) {
			has_said = true;
			printf("{\"holding\":%llu}\n", (unsigned long long)load->held);
			fflush(stdout);
		}
		if (!turn(load, (int)((deadline_ns - now_ns) / 1000000u) + 1)) {
			load->failed += settings->hold == 0 || !has_said;
			return;
		}
	}
}

/* ---- the report ---- */

static int compare_numbers(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void print_times(const char *name, uint64_t *times_ns, uint64_t count) {
	static const struct {
		const char *name;
		uint64_t per_mille;
	} points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"max", 1000}};
	qsort(times_ns, count, sizeof *times_ns, compare_numbers);
	printf(",\"%s\":{", name);
	for (size_t i = 0; i < sizeof points / sizeof points[0] && count > 0; i++) {
		uint64_t at = (count - 1) * points[i].per_mille / 1000;
		printf("%s\"%s\":%.1f", i == 0 ? "" : ",", points[i].name,
			(double)times_ns[at] / 1000.0);
	}
	printf("}");
}

static void report(struct load *load, uint64_t took_ns) {
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"right", load->settings.hold > 0 ? load->held : load->right},
		{"failed", load->failed},
		{"connections", load->opened},
		{"reads", load->reads},
		{"bytes", load->bytes},
		{"http_chunks", load->http_chunks},
		{"sse_events", load->sse_events},
		{"texts", load->texts},
		{"over_35_ms", load->slow},
	};
	double seconds = (double)took_ns / 1e9;
	printf("{\"requests\":%llu", (unsigned long long)load->settings.requests);
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		printf(",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].value);
	}
	printf(",\"seconds\":%.4f,\"per_second\":%.1f", seconds, (double)load->right / seconds);
	print_times("latency_us", load->latencies_ns, load->right);
	print_times("first_byte_us", load->first_bytes_ns, load->first_bytes);
	/* The message is made of literals and numbers: nothing in it needs escaping. */
	printf(",\"first_error\":\"%s\"}\n", load->first_error);
	fflush(stdout);
}

static const char usage_text[] =
	"usage: bench-load --port N --model NAME [options]\n"
	"  --dialect NAME      openai (default), anthropic, gemini or responses\n"
	"  --stream            ask for a stream\n"
	"  --concurrency N     connections (1)\n"
	"  --requests N        requests in all (1)\n"
	"  --hold N            open N streams and hold them until stdin ends or SIGTERM\n"
	"  --texts N           pieces of text a right answer has; 0: do not check (1)\n"
	"  --prompt-bytes N    size of the user's message (600)\n"
	"  --key TEXT          client key (bench)\n"
	"  --timeout N         seconds after which it gives up (60)\n"
	"Prints one JSON line. Exit status: 0 every answer was right, 1 not, 2 wrong usage.\n";

static const struct dialect *find_dialect(const char *name) {
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
		if (strcmp(dialects[i].name, name) == 0) {
			return &dialects[i];
		}
	}
	fprintf(stderr, "%s: --dialect takes openai, anthropic, gemini or responses, not \"%s\"\n",
		PROGRAM, name);
	exit(2);
}

static void read_option(struct settings *settings, int option) {
	switch (option) {
	case 'p':
		settings->port = (uint16_t)bench_number(PROGRAM, "port", optarg, 1, 65535);
		break;
	case 'm':
		settings->model = optarg;
		break;
	case 'd':
		settings->dialect = find_dialect(optarg);
		break;
	case 's':
		settings->is_stream = true;
		break;
	case 'c':
		settings->concurrency =
			bench_number(PROGRAM, "concurrency", optarg, 1, CONCURRENCY_LIMIT);
		break;
	case 'n':
		settings->requests = bench_number(PROGRAM, "requests", optarg, 1, REQUESTS_LIMIT);
		break;
	case 'H':
		settings->hold = bench_number(PROGRAM, "hold", optarg, 1, CONCURRENCY_LIMIT);
		settings->is_stream = true;
		break;
	case 't':
		settings->texts = bench_number(PROGRAM, "texts", optarg, 0, REQUESTS_LIMIT);
		settings->checks_texts = settings->texts > 0;
		break;
	case 'b':
		settings->prompt_bytes =
			bench_number(PROGRAM, "prompt-bytes", optarg, 1, 64u << 20);
		break;
	case 'k':
		settings->key = optarg;
		break;
	case 'T':
		settings->timeout_s = bench_number(PROGRAM, "timeout", optarg, 1, 3600);
		break;
	default:
		fputs(usage_text, option == 'h' ? stdout : stderr);
		exit(option == 'h' ? 0 : 2);
	}
}

static void read_settings(struct settings *settings, int argc, char **argv) {
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"model", required_argument, NULL, 'm'},
		{"dialect", required_argument, NULL, 'd'},
		{"stream", no_argument, NULL, 's'},
		{"concurrency", required_argument, NULL, 'c'},
		{"requests", required_argument, NULL, 'n'},
		{"hold", required_argument, NULL, 'H'},
		{"texts", required_argument, NULL, 't'},
		{"prompt-bytes", required_argument, NULL, 'b'},
		{"key", required_argument, NULL, 'k'},
		{"timeout", required_argument, NULL, 'T'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	*settings = (struct settings){
		.dialect = &dialects[0],
		.key = "bench",
		.concurrency = 1,
		.requests = 1,
		.texts = 1,
		.checks_texts = true,
		.prompt_bytes = 600,
		.timeout_s = 60,
	};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		read_option(settings, option);
	}
	if (settings->port == 0 || settings->model == NULL || optind != argc) {
		fputs(usage_text, stderr);
		exit(2);
	}
	if (settings->hold > 0) {
		settings->concurrency = settings->requests = settings->hold;
	}
}

static void watch(struct load *load, int fd, void *source) {
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	if (fd < 0 || epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		bench_die(PROGRAM, "setting up");
	}
}

static void load_init(struct load *load) {
	const struct settings *settings = &load->settings;
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	watch(load, load->signals, &load->signals);
	if (settings->hold > 0) {
		watch(load, STDIN_FILENO, load);
	}
	load->request = build_request(settings, &load->request_size);
	load->connections = calloc(settings->concurrency, sizeof *load->connections);
	load->latencies_ns = calloc(settings->requests, sizeof *load->latencies_ns);
	load->first_bytes_ns = calloc(settings->requests, sizeof *load->first_bytes_ns);
	if (load->connections == NULL || load->latencies_ns == NULL ||
		load->first_bytes_ns == NULL) {
		bench_die(PROGRAM, "calloc");
	}
}

static void load_finish(struct load *load) {
	for (uint64_t i = 0; i < load->settings.concurrency; i++) {
		connection_close(&load->connections[i]);
	}
	close(load->epoll);
	close(load->signals);
	free(load->request);
	free(load->connections);
	free(load->latencies_ns);
	free(load->first_bytes_ns);
}

int main(int argc, char **argv) {
	struct load load = {0};
	read_settings(&load.settings, argc, argv);
	load_init(&load);
	uint64_t began_ns = bench_now_ns();
	run(&load);
	report(&load, bench_now_ns() - began_ns);
	bool is_right = load.failed == 0;
	load_finish(&load);
	return is_right ? 0 : 1;
}
