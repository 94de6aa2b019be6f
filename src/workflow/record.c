/* record.c: what a run tells its journal, and what a resumed one asks of it. A journal that cannot
 * be kept stops the run. */
#include "base/encoding.h"
#include "workflow/journal.h"
#include "workflow/run_internal.h"

/* ---- steps of sub-workflows: kept as calls are, under a key of their own ---- */

/* "outer.step!", "outer.step!3" for an item. */
static struct slice nested_key(struct run *run, const struct workflow_step *step, size_t item) {
	struct slice prefix = run->options.key_prefix;
	return item == SIZE_MAX ? arena_printf(&run->arena, "%.*s%.*s!", SLICE_FMT(prefix),
					  SLICE_FMT(step->name))
				: arena_printf(&run->arena, "%.*s%.*s!%zu", SLICE_FMT(prefix),
					  SLICE_FMT(step->name), item);
}

/* The same workflow with the same arguments, or its steps are others. */
static struct slice nested_hash(struct run *run) {
	if (run->nested_hash[0] == '\0') {
		struct buf text;
		struct error error = {0};
		uint8_t hash[SHA256_LEN];
		buf_init(&text, 0);
		buf_append_str(&text, run->workflow->hash);
		value_to_json(run->options.arguments.values, &run->arena, 0, &text, &error);
		sha256(buf_slice(&text), hash);
		hex_encode(hash, sizeof hash, run->nested_hash);
		buf_finish(&text);
	}
	return slice_of(run->nested_hash);
}

static void record_nested(struct run *run, const struct step_result *result, size_t item) {
	if (run->options.journal != NULL && result->status == STEP_OK) {
		record_call_ended(
			run, nested_key(run, result->step, item), nested_hash(run), result);
	}
}

static const struct step_result *find_nested(
	struct run *run, const struct workflow_step *step, size_t item) {
	return record_find_call(run, step, nested_key(run, step, item), nested_hash(run));
}

/* ---- what is told ---- */

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
	if (run->options.parent != NULL) {
		record_nested(run, result, SIZE_MAX);
	} else if (journal != NULL) {
		told(run, journal_step_ended(journal, result, &error), &error);
	}
}

void record_item_ended(struct run *run, const struct step_result *result, size_t item) {
	struct journal *journal = own_journal(run);
	struct error error = {0};
	if (run->options.parent != NULL) {
		record_nested(run, result, item);
	} else if (journal != NULL) {
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

/* Where a secret was, the record has a mask, which is not to be taken for what was said. */
static const struct step_result *unmasked(
	struct run *run, const struct workflow_step *step, const struct step_result *recorded) {
	if (recorded == NULL || !recorded->is_masked) {
		return recorded;
	}
	run_inform(run, RUN_EVENT_INFO, step,
		"is run again: what it said holds a secret, which the record does not keep");
	return NULL;
}

const struct step_result *record_find_step(struct run *run, const struct workflow_step *step) {
	if (run->options.resumed == NULL) {
		return NULL;
	}
	return run->options.parent == NULL
		       ? unmasked(run, step, journal_record_step(run->options.resumed, step))
		       : find_nested(run, step, SIZE_MAX);
}

const struct step_result *record_find_item(
	struct run *run, const struct workflow_step *step, size_t item) {
	if (run->options.resumed == NULL) {
		return NULL;
	}
	return run->options.parent == NULL
		       ? unmasked(run, step, journal_record_item(run->options.resumed, step, item))
		       : find_nested(run, step, item);
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
		       ? unmasked(run, step,
				 journal_record_call(run->options.resumed, step, key, prompt_hash))
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
