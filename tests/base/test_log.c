/* test_log.c: what a log line looks like, what never stands in one, and what a full ring does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

int test_log(void);

/* A log into a memory file. */
static struct log *open_log(struct log_options options, int *fd) {
	*fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(*fd >= 0);
	options.fd = *fd;
	struct log *log = log_create(&options);
	assert_non_null(log);
	return log;
}

/* Everything written so far, with the time (of fixed length) of each line replaced by "T". */
static struct buf written(struct log *log, int fd) {
	char bytes[65536];
	struct buf out = {0};
	log_flush(log);
	ssize_t len = pread(fd, bytes, sizeof bytes, 0);
	assert_true(len >= 0 && len < (ssize_t)sizeof bytes);
	struct slice rest = slice_make(bytes, (size_t)len), line;
	while (slice_split(&rest, '\n', &line) && rest.data != NULL) {
		size_t start = slice_starts_with(line, SLICE("{\"time\":\"")) ? 9 : 0;
		assert_true(line.len >= start + 24);
		assert_int_equal(line.data[start + 4], '-');
		assert_int_equal(line.data[start + 10], 'T');
		assert_int_equal(line.data[start + 23], 'Z');
		buf_append(&out, slice_sub(line, 0, start));
		buf_append_byte(&out, 'T');
		buf_append(&out, slice_from(line, start + 24));
		buf_append_byte(&out, '\n');
	}
	buf_append_byte(&out, '\0');
	return out;
}

static void assert_written(struct log *log, int fd, const char *expected) {
	struct buf out = written(log, fd);
	assert_string_equal(out.data, expected);
	buf_finish(&out);
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
}

static void text_lines(void **state) {
	int fd;
	struct log *log = open_log((struct log_options){.level = LOG_DEBUG}, &fd);
	(void)state;
	const struct log_field fields[] = {
		LOG_TEXT_FIELD("model", SLICE("gpt-5")),
		LOG_TEXT_FIELD("note", SLICE("two words")),
		LOG_TEXT_FIELD("empty", ((struct slice){NULL, 0})),
		LOG_TEXT_FIELD("quoted", SLICE("say \"hi\" \\ = \n\x01\x7f")),
		LOG_TEXT_FIELD("utf8", SLICE("\xc3\xa9\xff\xe2\x82\xc2\x9b")),
		LOG_INT_FIELD("status", -200),
		LOG_MS_FIELD("took", 1234567),
		LOG_MS_FIELD("less", -5),
	};
	log_record(log, LOG_INFO, SLICE("request done"), fields, sizeof fields / sizeof *fields);
	assert_written(log, fd,
		"T info  request done model=gpt-5 note=\"two words\" empty=\"\" "
		"quoted=\"say \\\"hi\\\" \\\\ = \\n\\x01\\x7f\" "
		"utf8=\"\xc3\xa9\\xff\\xe2\\x82\\u009b\" status=-200 took=1234.567 less=-0.005\n");
	log_debug(log, "d %d", 1);
	log_warn(log, "line one\nline two\x1b[31m \"plain\"");
	log_error(log, "%s", "");
	assert_written(
		log, fd, "T debug d 1\nT warn  line one\\nline two\\x1b[31m \"plain\"\nT error \n");
	log_destroy(log);
	close(fd);
}

static void json_lines(void **state) {
	int fd;
	struct log *log = open_log((struct log_options){.format = LOG_JSON}, &fd);
	(void)state;
	const struct log_field fields[] = {
		LOG_TEXT_FIELD("a", SLICE("\"\\/\n\r\t\b\x1f\x7f")),
		LOG_TEXT_FIELD("b", SLICE("\xc3\xa9\xff\xf0\x9f\x98\x80\xed\xa0\x80")),
		LOG_TEXT_FIELD("nul", slice_make("x\0y", 3)),
		LOG_INT_FIELD("n", INT64_MIN),
		LOG_MS_FIELD("ms", 1500),
	};
	log_record(log, LOG_INFO, SLICE("a \"b\""), fields, sizeof fields / sizeof *fields);
	assert_written(log, fd,
		"{\"time\":\"T\",\"level\":\"info\",\"message\":\"a \\\"b\\\"\","
		"\"a\":\"\\\"\\\\/\\n\\r\\t\\u0008\\u001f\\u007f\","
		"\"b\":\"\xc3\xa9\\ufffd\xf0\x9f\x98\x80\\ufffd\\ufffd\\ufffd\","
		"\"nul\":\"x\\u0000y\","
		"\"n\":-9223372036854775808,\"ms\":1.500}\n");
	log_destroy(log);
	close(fd);
}

static void levels(void **state) {
	int fd;
	struct log *log = open_log((struct log_options){.level = LOG_WARN}, &fd);
	(void)state;
	assert_false(log_enabled(log, LOG_INFO));
	assert_true(log_enabled(log, LOG_WARN));
	log_info(log, "unseen");
	log_set_level(log, LOG_DEBUG);
	log_debug(log, "seen");
	assert_written(log, fd, "T debug seen\n");
	log_destroy(log);
	close(fd);
}

static void nothing_may_be_discarded(void **state) {
	(void)state;
	log_error(NULL, "x");
	log_record(NULL, LOG_ERROR, SLICE("x"), NULL, 0);
	assert_false(log_enabled(NULL, LOG_ERROR));
	log_flush(NULL);
	log_set_level(NULL, LOG_DEBUG);
	log_add_secret(NULL, SLICE("secret"));
	log_destroy(NULL);
	struct log *log = log_create(&(struct log_options){.fd = -1});
	log_error(log, "x");
	log_flush(log);
	log_destroy(log);
}

/* ER-4; gateway.md 13 "masking" */
static void secrets_never_appear(void **state) {
	static const char *const secrets[] = {
		"hunter2-key", "hunter2", "hunter2-key-longer", "with\"quote\n"};
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		int fd;
		struct log *log =
			open_log((struct log_options){.format = (enum log_format)format}, &fd);
		(void)state;
		for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
			char *copy = strdup(secrets[i]);
			log_add_secret(log, slice_of(copy));
			log_add_secret(log, slice_of(copy));
			free(copy);
		}
		log_add_secret(log, SLICE("short"));
		for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
			const struct log_field field =
				LOG_TEXT_FIELD("value", slice_of(secrets[i]));
			log_printf(log, LOG_INFO, "short x%sy%s", secrets[i], secrets[i]);
			log_record(log, LOG_INFO, SLICE("m"), &field, 1);
		}
		const struct log_field nul =
			LOG_TEXT_FIELD("nul", SLICE("a\0sk-abcdefgh\0hunter2\0b"));
		log_record(log, LOG_INFO, SLICE("Bearer abcdefgh sk-abcdefgh"), &nul, 1);
		struct buf out = written(log, fd);
		assert_null(strstr(out.data, "hunter2"));
		assert_null(strstr(out.data, "quote"));
		assert_null(strstr(out.data, "longer"));
		assert_null(strstr(out.data, "abcdefgh"));
		assert_non_null(strstr(out.data, "short x***y***"));
		assert_non_null(strstr(out.data,
			format == LOG_TEXT ? "nul=\"a\\x00sk-***\\x00***\\x00b\""
					   : "\"nul\":\"a\\u0000sk-***\\u0000***\\u0000b\""));
		buf_finish(&out);
		log_destroy(log);
		close(fd);
	}
}

/* A pipe nobody reads holds up the writer thread, never the caller. */
static void a_full_ring_drops_and_counts(void **state) {
	enum {
		RECORDS = 5000
	};
	int ends[2];
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	struct log *log = log_create(&(struct log_options){.fd = ends[1], .ring_bytes = 4096});
	for (int i = 0; i < RECORDS; i++) {
		log_info(log, "record %d of many, each of some length", i);
	}
	/* Read all in a thread's stead: the log is closed only when everything was taken. */
	FILE *file = fdopen(ends[0], "r");
	char line[256];
	long lines = 0, dropped = 0, count;
	int last = -1, number;
	while (lines + dropped < RECORDS && fgets(line, sizeof line, file) != NULL) {
		char *at = strstr(line, "records were dropped count=");
		if (at != NULL && sscanf(at, "records were dropped count=%ld", &count) == 1) {
			dropped += count;
		} else if (sscanf(strstr(line, "record "), "record %d", &number) == 1) {
			assert_true(number > last);
			last = number;
			lines++;
		}
	}
	assert_int_equal(lines + dropped, RECORDS);
	assert_true(dropped > 0);
	assert_true(lines > 0);
	log_destroy(log);
	fclose(file);
	close(ends[1]);
}

static void a_record_larger_than_the_ring_is_counted(void **state) {
	int fd;
	struct log *log = open_log((struct log_options){.ring_bytes = 1}, &fd);
	(void)state;
	log_info(log, "%5000d", 1);
	assert_written(log, fd, "T warn  log ring was full, records were dropped count=1\n");
	log_info(log, "%700d", 1); /* fits, also across the ring's end */
	log_flush(log);
	log_info(log, "%700d", 2);
	struct buf out = written(log, fd);
	assert_int_equal(out.len, 2 * (sizeof "T info  \n" - 1 + 700) + 1);
	buf_finish(&out);
	log_destroy(log);
	close(fd);
}

static void *log_many(void *data) {
	for (int i = 0; i < 500; i++) {
		log_info(data, "thread line");
		if (i % 100 == 0) {
			log_flush(data);
		}
	}
	return NULL;
}

static void threads_share_a_log(void **state) {
	int fd;
	pthread_t threads[4];
	struct log *log = open_log((struct log_options){.level = LOG_INFO}, &fd);
	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, log), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	log_destroy(log); /* flushes */
	char bytes[128 * 1024];
	ssize_t len = pread(fd, bytes, sizeof bytes, 0);
	struct slice line = SLICE("2026-01-02T03:04:05.678Z info  thread line\n");
	assert_int_equal(len, 2000 * line.len);
	for (size_t at = 0; at < (size_t)len; at += line.len) {
		assert_memory_equal(bytes + at + 24, line.data + 24, line.len - 24);
	}
	close(fd);
}

static void a_dead_sink_does_not_matter(void **state) {
	int ends[2];
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	struct log *log = log_create(&(struct log_options){.fd = ends[1]});
	log_info(log, "into the void");
	log_flush(log);
	log_destroy(log);
	close(ends[1]);
}

static void *read_slowly(void *data) {
	char bytes[1024];
	size_t total = 0;
	ssize_t len;
	while ((len = read(*(int *)data, bytes, sizeof bytes)) > 0) {
		total += (size_t)len;
	}
	return (void *)(uintptr_t)total;
}

static void a_non_blocking_sink_loses_nothing(void **state) {
	int ends[2];
	pthread_t reader;
	void *total;
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	struct log *log = log_create(&(struct log_options){.fd = ends[1]});
	for (int i = 0; i < 1000; i++) {
		log_info(log, "%0100d", i);
	}
	pthread_create(&reader, NULL, read_slowly, &ends[0]);
	log_destroy(log);
	close(ends[1]);
	pthread_join(reader, &total);
	assert_int_equal((uintptr_t)total, 1000 * (24 + 7 + 100 + 1));
	close(ends[0]);
}

/* gateway.md section 10 */
static void masks_for_display(void **state) {
	static const struct {
		const char *secret, *shown;
	} cases[] = {
		{"sk-1234567890abcd", "sk-1...abcd"},
		{"123456789", "1234...6789"},
		{"12345678", "12...78"},
		{"12345", "12...45"},
		{"1234", "1...4"},
		{"123", "1...3"},
		{"12", "..."},
		{"1", "..."},
		{"", "..."},
	};
	char out[32];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		log_mask(slice_of(cases[i].secret), out, sizeof out);
		assert_string_equal(out, cases[i].shown);
	}
	log_mask(SLICE("123456789"), out, 5);
	assert_string_equal(out, "1234");
	log_mask(SLICE("123456789"), out, 0);
	log_mask((struct slice){NULL, 0}, out, sizeof out);
	assert_string_equal(out, "...");
}

int test_log(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(levels),
		cmocka_unit_test(nothing_may_be_discarded),
		cmocka_unit_test(secrets_never_appear),
		cmocka_unit_test(a_full_ring_drops_and_counts),
		cmocka_unit_test(a_record_larger_than_the_ring_is_counted),
		cmocka_unit_test(threads_share_a_log),
		cmocka_unit_test(a_dead_sink_does_not_matter),
		cmocka_unit_test(a_non_blocking_sink_loses_nothing),
		cmocka_unit_test(masks_for_display),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
