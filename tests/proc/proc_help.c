/* proc_help.c: run a child to its end and look at what became of it. */
#include "proc_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

char *make_dir(void) {
	char name[] = "/tmp/llm-mux-proc-XXXXXX";
	assert_non_null(mkdtemp(name));
	return mem_dup(name, strlen(name));
}

void remove_dir(char *dir) {
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
	free(dir);
}

static void on_output(void *data, enum process_stream stream, struct slice bytes) {
	struct child *child = data;
	child->events++;
	if (child->on_event != NULL) {
		child->on_event(child);
	}
	buf_append(stream == PROCESS_STDOUT ? &child->out : &child->err, bytes);
}

static void on_done(void *data, const struct process_result *result) {
	struct child *child = data;
	child->events++;
	child->done_count++;
	child->end = result->end;
	child->exit_code = result->exit_code;
	child->signal_number = result->signal_number;
	child->err_dropped = result->err_dropped;
	child->duration_ms = result->duration_ms;
	if (!child->options.streams_output) {
		buf_append(&child->out, result->out);
		buf_append(&child->err, result->err);
	}
	if (child->on_event != NULL) {
		child->on_event(child);
	}
}

void child_shell(struct child *child, const char *script, const char *argument) {
	static const char *argv[6];
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = script;
	argv[3] = "script";
	argv[4] = argument;
	argv[5] = NULL;
	child->options.argv = argv;
}

void child_start(struct child *child, struct loop *loop) {
	child->loop = loop;
	child->options.on_output = on_output;
	child->options.on_done = on_done;
	child->options.data = child;
	child->process = process_start(loop, &child->options, &child->error);
}

void child_run(struct child *child) {
	struct error error;
	struct loop *loop = loop_create(&error);
	assert_non_null(loop);
	child_start(child, loop);
	if (child->process != NULL) {
		assert_int_equal(child->events, 0);
		loop_run(loop);
		if (!child->is_released) {
			assert_int_equal(child->done_count, 1);
			process_release(child->process);
		}
	}
	loop_destroy(loop);
}

void child_finish(struct child *child) {
	buf_finish(&child->out);
	buf_finish(&child->err);
}

bool is_under_valgrind(void) {
	const char *preloaded = getenv("LD_PRELOAD");
	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

bool wait_until(bool (*condition)(const void *data), const void *data) {
	for (int i = 0; i < 10000; i++) {
		if (condition(data)) {
			return true;
		}
		usleep(1000);
	}
	return false;
}

bool is_running(int pid) {
	char path[64];
	char text[512] = "";
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	size_t len = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[len] = '\0';
	const char *state = strrchr(text, ')');
	return state != NULL && state[1] == ' ' && state[2] != 'Z' && state[2] != 'X';
}

static bool has_line(const void *data) {
	struct buf text = {0};
	bool found = file_read(data, 4096, &text, NULL) &&
		     slice_find_byte(buf_slice(&text), '\n') != SIZE_MAX;
	buf_finish(&text);
	return found;
}

int read_pid(const char *path) {
	assert_true(wait_until(has_line, path));
	struct buf text = {0};
	assert_true(file_read(path, 4096, &text, NULL));
	buf_append_byte(&text, '\0');
	int pid = atoi(text.data);
	buf_finish(&text);
	assert_true(pid > 1);
	return pid;
}

static bool has_gone(const void *data) {
	return !is_running(*(const int *)data);
}

bool is_gone(int pid) {
	return wait_until(has_gone, &pid);
}
