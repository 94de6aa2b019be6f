/* job.c: blocking work of a task on the loop's workers: files that are edited, the database. */
#include <stdlib.h>

#include "workflow/run_internal.h"

static void work(void *data) {
	struct job *job = data;
	job->work(job);
}

/* Whoever wanted it may be gone: then the job puts its own things in order and ends. */
static void done(void *data) {
	struct job *job = data;
	if (job->is_abandoned) {
		job->drop(job);
	} else {
		job->done(job);
	}
}

bool job_start(struct loop *loop, struct job *job) {
	return loop_work(loop, work, done, job);
}
