/* run_prompt.c: questions of a run on the terminal it was started from. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/run.h"

struct run_prompt {
	const struct command_context *context;
	struct loop *loop;
	struct run *run;
	struct run_display *display;
	struct loop_poll *poll;
	struct buf line;
	int flags; /* of the descriptor, which a shell shares */
};

static void answer(struct run_prompt *prompt, struct slice text) {
	if (prompt->display->suspend != NULL) {
		prompt->display->suspend(prompt->display, false);
	}
	run_answer(prompt->run, text);
}

static void on_readable(struct loop_poll *poll, int status, int ready) {
	struct run_prompt *prompt = loop_poll_data(poll);
	char bytes[1024];
	(void)ready;
	ssize_t count = status < 0 ? 0 : read(STDIN_FILENO, bytes, sizeof bytes);
	if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (count <= 0) {
		loop_poll_set(poll, 0);
		fputc('\n', prompt->context->err);
		answer(prompt, slice_make(NULL, 0));
		return;
	}
	buf_append(&prompt->line, slice_make(bytes, (size_t)count));
	size_t end = slice_find_byte(buf_slice(&prompt->line), '\n');
	if (end != SIZE_MAX) {
		loop_poll_set(poll, 0);
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct slice text = arena_dup(&arena, slice_sub(buf_slice(&prompt->line), 0, end));
		buf_consume(&prompt->line, end + 1);
		answer(prompt, text);
		arena_finish(&arena);
	}
}

static void finish(void *data) {
	struct run_prompt *prompt = data;
	buf_finish(&prompt->line);
}

struct run_prompt *run_prompt_create(
	struct arena *arena, struct loop *loop, const struct command_context *context) {
	if (isatty(STDIN_FILENO) != 1) {
		return NULL;
	}
	struct run_prompt *prompt = ARENA_NEW(arena, struct run_prompt);
	prompt->context = context;
	prompt->loop = loop;
	prompt->flags = fcntl(STDIN_FILENO, F_GETFL);
	buf_init(&prompt->line, 0);
	arena_on_finish(arena, finish, prompt);
	return prompt;
}

void run_prompt_set_run(struct run_prompt *prompt, struct run *run, struct run_display *display) {
	prompt->run = run;
	prompt->display = display;
}

/* "Go on? [yes/no] ", "DIFF\nApply these edits? [y/N] " */
static void write_question(const struct run_question *question, struct buf *out) {
	run_words_append(out, slice_trim(question->text));
	if (question->is_confirmation) {
		buf_append_str(out, "\nApply these edits? [y/N]");
	}
	for (size_t i = 0; i < question->options.len; i++) {
		buf_append_str(out, i > 0 ? "/" : " [");
		run_words_append(out, question->options.items[i]);
	}
	buf_append_str(out, question->options.len > 0 ? "] " : " ");
}

void run_prompt_ask(void *data, const struct run_question *question) {
	struct run_prompt *prompt = data;
	if (prompt->display->suspend != NULL) {
		prompt->display->suspend(prompt->display, true);
	}
	struct buf text;
	buf_init(&text, 0);
	write_question(question, &text);
	fwrite(text.data, 1, text.len, prompt->context->err);
	fflush(prompt->context->err);
	buf_finish(&text);
	if (prompt->poll == NULL) {
		prompt->poll = loop_poll_create(prompt->loop, STDIN_FILENO, on_readable, prompt);
	}
	if (prompt->poll != NULL) {
		loop_poll_set(prompt->poll, LOOP_READABLE);
	}
}

void run_prompt_finish(struct run_prompt *prompt) {
	if (prompt != NULL) {
		loop_poll_destroy(prompt->poll);
		prompt->poll = NULL;
		if (prompt->flags >= 0) {
			fcntl(STDIN_FILENO, F_SETFL, prompt->flags);
		}
	}
}
