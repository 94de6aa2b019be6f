/* question.c: questions to the person, one at a time however many steps ask (workflows.md 5.12). */
#include "workflow/run_internal.h"

bool run_can_ask(const struct run *run) {
	return run->options.ask != NULL;
}

static void ask_first(struct run *run) {
	struct question *first = run->questions;
	if (first != NULL && !first->is_asked) {
		first->is_asked = true;
		run->options.ask(run->options.ask_data, &first->text);
	}
}

void question_ask(struct run *run, struct question *question) {
	struct question **last = &run->questions;
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = question;
	question->next = NULL;
	question->is_waiting = true;
	question->is_asked = false;
	ask_first(run);
}

void question_drop(struct run *run, struct question *question) {
	if (!question->is_waiting) {
		return;
	}
	struct question **at = &run->questions;
	while (*at != question) {
		at = &(*at)->next;
	}
	*at = question->next;
	question->is_waiting = false;
	if (run->state != RUN_OVER) {
		ask_first(run);
	}
}

void run_answer(struct run *run, struct slice answer) {
	struct question *first = run->questions;
	if (first == NULL || !first->is_asked) {
		return; /* nobody waits for it any more */
	}
	run->questions = first->next;
	first->is_waiting = false;
	first->on_answer(first, answer);
	ask_first(run);
}
