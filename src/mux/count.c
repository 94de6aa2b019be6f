/* count.c: counts a request's tokens here, where no upstream does it (TC-1): megabytes take longer
 * than a loop may wait, so long texts are counted by another thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "mux/mux_internal.h"

struct count_job {
	struct format_counting counting;
	const struct tokens *tokens;
	int64_t result;
	bool is_exact;
	count_done *done;
	void *data; /* NULL: cancelled */
};

static void work(void *data) {
	struct count_job *job = data;
	job->result = format_counting_run(&job->counting, job->tokens, &job->is_exact);
}

static void end(void *data) {
	struct count_job *job = data;
	format_counting_finish(&job->counting);
	if (job->data != NULL) {
		job->done(job->data, job->result, job->is_exact);
	}
	free(job);
}

struct count_job *count_start(struct mux_loop *mux_loop, const struct chat_request *request,
	struct slice model, count_done *done, void *data) {
	struct count_job *job = mem_calloc(1, sizeof *job);
	format_counting_init(&job->counting, request, model);
	job->tokens = mux_loop->mux->tokens;
	job->done = done;
	job->data = data;
	if (job->counting.texts.len > FORMAT_COUNT_AT_ONCE &&
		loop_work(mux_loop->loop, work, end, job)) {
		return job;
	}
	work(job);
	end(job);
	return NULL;
}

void count_cancel(struct count_job *job) {
	if (job != NULL) {
		job->data = NULL;
	}
}
