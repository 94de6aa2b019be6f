/* record.c: what a run tells its journal, and what a resumed one asks of it. A journal that cannot
 * be kept stops the run. */
#include "workflow/journal.h"
#include "workflow/run_internal.h"

/* The outermost run's journal, for what that run alone records. */
static struct journal *own_journal(const struct run *run) {
	return run->options.parent == NULL ? run->options.journal : NULL;
}

static bool told(struct run *run, bool is_kept, const struct error *error) {
	if (!is_kept) {
		run_record_failed(run, error);
	}
	return is_kept;
}

void record_step_started(struct run *run, const struct workflow_step *step) {
	struct journal *journal = own_journal(run);
	struct error error = {0};
	if (journal != NULL) {
		told(run, journal_step_started(journal, step, &error), &error);
	}
}

void record_step_ended(struct run *run, const struct step_result *result) {
	struct journal *journal = own_journal(run);
	struct error error = {0};
	if (journal != NULL) {
		told(run, journal_step_ended(journal, result, &error), &error);
	}
}

void record_item_ended(struct run *run, const struct step_result *result, size_t item) {
	struct journal *journal = own_journal(run);
	struct error error = {0};
	if (journal != NULL) {
		told(run, journal_item_ended(journal, result->step, item, result, &error), &error);
	}
}

void record_run_ended(struct run *run, const char *status) {
	struct journal *journal = own_journal(run);
	struct error error = {0};
	uint64_t duration_ms = loop_now_ms(run->options.loop) - run->started_ms;
	if (journal != NULL &&
		!journal_run_ended(journal, status, duration_ms, &run->usage, &error)) {
		run_inform(run, RUN_EVENT_WARNING, NULL, "the end of the run is not recorded: %s",
			error.message);
	}
}

const struct step_result *record_find_step(struct run *run, const struct workflow_step *step) {
	return run->options.resumed != NULL && run->options.parent == NULL
		       ? journal_record_step(run->options.resumed, step)
		       : NULL;
}

const struct step_result *record_find_item(
	struct run *run, const struct workflow_step *step, size_t item) {
	return run->options.resumed != NULL && run->options.parent == NULL
		       ? journal_record_item(run->options.resumed, step, item)
		       : NULL;
}

bool record_call_ended(struct run *run, struct slice key, struct slice prompt_hash,
	const struct step_result *result) {
	struct error error = {0};
	return run->options.journal == NULL ||
	       told(run, journal_call_ended(run->options.journal, key, prompt_hash, result, &error),
		       &error);
}

const struct step_result *record_find_call(struct run *run, const struct workflow_step *step,
	struct slice key, struct slice prompt_hash) {
	return run->options.resumed != NULL
		       ? journal_record_call(run->options.resumed, step, key, prompt_hash)
		       : NULL;
}

bool record_apply_began(
	struct run *run, const struct workflow_step *step, size_t item, struct slice backup_dir) {
	struct error error = {0};
	return run->options.journal == NULL ||
	       told(run, journal_apply_began(run->options.journal, step, item, backup_dir, &error),
		       &error);
}

bool record_apply_ended(
	struct run *run, const struct workflow_step *step, struct slice backup_dir) {
	struct error error = {0};
	return run->options.journal == NULL ||
	       told(run, journal_apply_ended(run->options.journal, step, backup_dir, &error),
		       &error);
}
