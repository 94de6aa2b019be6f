/* apply_open.c: edits that succeeded, whose step is not yet recorded as ended: their backup goes
 * when it is, and they are undone when it never is. */
#include <stdlib.h>

#include "base/mem.h"
#include "workflow/apply_action.h"

struct open_apply {
	struct open_apply *next;
	const struct workflow_step *step;
	size_t item;
	struct apply_work *work;
};

void apply_keep_open(struct apply_action *action) {
	struct run *run = action->task->run;
	struct open_apply *open = mem_calloc(1, sizeof *open);
	*open = (struct open_apply){
		.next = run->open_applies,
		.step = action->task->step,
		.item = action->task->item,
		.work = action->work,
	};
	run->open_applies = open;
	action->work = NULL;
}

static void close_one(struct run *run, struct open_apply *open) {
	if (run->options.keeps_backups) {
		apply_work_free(open->work);
	} else {
		apply_work_forget(run->options.loop, open->work);
	}
	free(open);
}

void apply_close(struct run *run, const struct workflow_step *step, size_t item) {
	struct open_apply **at = &run->open_applies;
	while (*at != NULL) {
		struct open_apply *open = *at;
		if (open->step != step || (item != SIZE_MAX && open->item != item)) {
			at = &open->next;
			continue;
		}
		*at = open->next;
		record_apply_ended(run, step, slice_of(open->work->backup_dir));
		close_one(run, open);
	}
}

/* The step had succeeded, but its end never came into the record: a resume makes it anew. */
void apply_close_all(struct run *run) {
	while (run->open_applies != NULL) {
		struct open_apply *open = run->open_applies;
		run->open_applies = open->next;
		apply_work_abandon(open->work);
		free(open);
	}
}
