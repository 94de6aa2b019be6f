/* process.c: the life of one child on a loop.
 *
 *   RUNNING ──stop, limit──► STOPPING ──grace──► KILLED ─┐
 *      └──exits──► DRAINING ──────────pipe grace─────────┴──► DONE
 *
 * It is DONE when the child has exited and both pipes are at their end, or the pipe grace is over.
 * The child stays a zombie until then: as long as it is one, no other group gets its number, so
 * whatever is left of its group can be killed safely. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proc/process_internal.h"

#define CHUNK ((size_t)64 * 1024)
/* As much as the largest pipe holds: read when nothing is waited for any more. */
#define LAST_CHUNKS 16

enum process_state {
	PROCESS_RUNNING,  /* nothing was asked of it */
	PROCESS_STOPPING, /* TERM was sent; others of the group may outlive the child for the grace
			   */
	PROCESS_KILLED,   /* KILL was sent: the exit is near, and the ends of the pipes */
	PROCESS_DRAINING, /* the child exited of itself; the pipes are not at their end */
	PROCESS_DONE      /* on_done was called, or nobody wants to know */
};

/* Our end of a pipe. */
struct channel {
	struct process *process;
	int fd; /* -1: closed */
	struct loop_poll *poll;
};

struct process {
	struct loop *loop;
	enum process_state state;
	pid_t pid;
	struct exit_watch exit_watch;
	struct loop_poll *exit_poll;
	bool has_exited;
	bool is_reaped;
	int exit_code, signal_number;
	bool has_reason; /* `reason` is why it was ended */
	enum process_end reason;
	struct channel input, output, error;
	struct slice input_left;
	struct buf out, err;
	uint64_t out_bytes, err_dropped;
	struct loop_timer deadline, grace;
	uint64_t started_ms, kill_grace_ms;
	size_t max_output;
	bool streams_output, is_paused;
	bool is_released;
	bool is_dismissed; /* TERM was sent; whoever reaps it waits for the grace, then kills */
	unsigned depth;    /* callbacks under way */
	struct process_watchdog *watchdog;
	void (*on_output)(void *data, enum process_stream stream, struct slice bytes);
	void (*on_done)(void *data, const struct process_result *result);
	void *data;
};

/* ---- the end ---- */

static void close_channel(struct channel *channel) {
	if (channel->fd >= 0) {
		loop_poll_destroy(channel->poll);
		channel->poll = NULL;
		close(channel->fd);
		channel->fd = -1;
	}
}

static void close_exit(struct process *process) {
	loop_poll_destroy(process->exit_poll);
	process->exit_poll = NULL;
	exit_watch_close(&process->exit_watch);
}

/* Frees what works on the loop. */
static void detach(struct process *process) {
	close_channel(&process->input);
	close_channel(&process->output);
	close_channel(&process->error);
	close_exit(process);
	loop_timer_stop(&process->deadline);
	loop_timer_stop(&process->grace);
}

static void free_process(void *data) {
	struct process *process = data;
	buf_finish(&process->out);
	buf_finish(&process->err);
	free(process);
}

static void kill_group(const struct process *process, int signal_number) {
	kill(-process->pid, signal_number);
}

/* The group is no more, also what the child left running. */
static void end_group(struct process *process) {
	if (!process->is_reaped) {
		kill_group(process, SIGKILL);
	}
	watchdog_remove(process->watchdog, process->pid);
}

static void reap(void *data) {
	struct process *process = data;
	if (process->is_dismissed) {
		const int pipes[] = {process->output.fd, process->error.fd};
		exit_watch_wait(&process->exit_watch, pipes, 2, process->kill_grace_ms);
		end_group(process);
		process_watchdog_destroy(process->watchdog);
		close_channel(&process->output);
		close_channel(&process->error);
	}
	exit_watch_join(&process->exit_watch);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	exit_watch_close(&process->exit_watch);
	process->is_reaped = true;
}

/* Nobody knows of it any more. A killed child that is not gone yet is waited for on another thread,
 * so that no zombie stays behind. */
static void dispose(struct process *process) {
	bool is_waiting =
		!process->is_reaped && loop_work(process->loop, reap, free_process, process);
	if (!is_waiting) {
		free_process(process);
	}
}

/* After a callback: true when it released the process, which is gone then. */
static bool leave(struct process *process) {
	process->depth--;
	if (process->is_released && process->depth == 0) {
		dispose(process);
		return true;
	}
	return process->is_released;
}

static struct process_result describe(const struct process *process) {
	enum process_end natural = process->signal_number != 0 ? PROCESS_SIGNALLED : PROCESS_EXITED;
	struct slice err = buf_slice(&process->err);
	size_t kept = err.len < PROCESS_KEPT_STDERR ? err.len : PROCESS_KEPT_STDERR;
	return (struct process_result){
		.end = process->has_reason ? process->reason : natural,
		.exit_code = process->exit_code,
		.signal_number = process->signal_number,
		.out = buf_slice(&process->out),
		.err = slice_from(err, err.len - kept),
		.err_dropped = process->err_dropped + (err.len - kept),
		.duration_ms = clock_monotonic_ms() - process->started_ms,
	};
}

static void finish(struct process *process) {
	detach(process);
	end_group(process);
	reap(process); /* at once: it has exited */
	process->state = PROCESS_DONE;
	struct process_result result = describe(process);
	process->depth++;
	process->on_done(process->data, &result);
	leave(process);
}

static void settle(struct process *process) {
	if (process->has_exited && process->output.fd < 0 && process->error.fd < 0) {
		finish(process);
	}
}

/* The pipes of a child that has exited are waited for a while, in which we must be reading. */
static void start_pipe_grace(struct process *process) {
	if (!process->is_paused) {
		loop_timer_start(&process->grace, PROCESS_PIPE_GRACE_MS);
	}
}

static void kill_now(struct process *process) {
	kill_group(process, SIGKILL);
	process->state = PROCESS_KILLED;
	loop_timer_stop(&process->grace);
	if (process->has_exited) {
		start_pipe_grace(process);
	}
}

/* A stopped process would not take notice of TERM without CONT. */
static void terminate(struct process *process) {
	kill_group(process, SIGTERM);
	kill_group(process, SIGCONT);
	process->state = PROCESS_STOPPING;
	loop_timer_start(&process->grace, process->kill_grace_ms);
}

static void give_reason(struct process *process, enum process_end reason) {
	if (!process->has_reason) {
		process->has_reason = true;
		process->reason = reason;
	}
	loop_timer_stop(&process->deadline);
}

/* Ends a process that has not been asked to end. */
static void end_for(struct process *process, enum process_end reason) {
	if (process->state == PROCESS_RUNNING) {
		give_reason(process, reason);
		terminate(process);
	} else if (process->state == PROCESS_DRAINING) {
		give_reason(process, reason);
		kill_now(process);
	}
}

/* ---- what it says ---- */

static bool send_output(struct process *process, enum process_stream stream, struct slice bytes) {
	if (!process->streams_output || process->on_output == NULL) {
		return true;
	}
	process->depth++;
	process->on_output(process->data, stream, bytes);
	return !leave(process);
}

/* False when the process is gone. */
static bool take_output(struct process *process, struct slice bytes) {
	bool was_full = process->out_bytes > process->max_output;
	size_t room = was_full ? 0 : process->max_output - (size_t)process->out_bytes;
	process->out_bytes += bytes.len;
	struct slice taken = slice_sub(bytes, 0, room);
	if (!process->streams_output) {
		buf_append(&process->out, taken);
	}
	if (process->out_bytes > process->max_output) {
		end_for(process, PROCESS_TOO_MUCH);
	}
	return taken.len == 0 || send_output(process, PROCESS_STDOUT, taken);
}

/* The last bytes are kept; those before them are dropped now and then, not each time. */
static bool take_error(struct process *process, struct slice bytes) {
	buf_append(&process->err, bytes);
	if (process->err.len > 2 * PROCESS_KEPT_STDERR) {
		size_t dropped = process->err.len - PROCESS_KEPT_STDERR;
		buf_consume(&process->err, dropped);
		process->err_dropped += dropped;
	}
	return send_output(process, PROCESS_STDERR, bytes);
}

enum read_outcome {
	READ_SOME,
	READ_NOTHING, /* for now */
	READ_END,
	READ_GONE /* the process was released */
};

static enum read_outcome read_channel(struct channel *channel) {
	struct process *process = channel->process;
	char chunk[CHUNK];
	ssize_t len = read(channel->fd, chunk, sizeof chunk);
	if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
		return READ_NOTHING;
	}
	if (len <= 0) {
		close_channel(channel);
		return READ_END;
	}
	struct slice bytes = slice_make(chunk, (size_t)len);
	bool is_output = channel == &process->output;
	bool is_there = is_output ? take_output(process, bytes) : take_error(process, bytes);
	return is_there ? READ_SOME : READ_GONE;
}

static void on_readable(struct loop_poll *poll, int status, int ready) {
	struct channel *channel = loop_poll_data(poll);
	struct process *process = channel->process;
	(void)ready;
	if (status < 0) {
		close_channel(channel);
		settle(process);
	} else if (read_channel(channel) == READ_END) {
		settle(process);
	}
}

/* What lies in a pipe that is given up: the loop may have been too busy to read it. False when the
 * process is gone. */
static bool read_rest(struct channel *channel) {
	enum read_outcome outcome = READ_SOME;
	for (int i = 0; i < LAST_CHUNKS && channel->fd >= 0 && outcome == READ_SOME; i++) {
		outcome = read_channel(channel);
	}
	return outcome != READ_GONE;
}

/* ---- what it is given ---- */

/* write without SIGPIPE, whatever this process does about it: the child may stop reading. */
static ssize_t write_quietly(int fd, struct slice bytes) {
	sigset_t pipe_signal, before, pending;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	sigpending(&pending);
	bool was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
	ssize_t len = write(fd, bytes.data, bytes.len);
	int number = errno;
	if (len < 0 && number == EPIPE && !was_pending) {
		const struct timespec at_once = {0};
		sigtimedwait(&pipe_signal, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = number;
	return len;
}

static void on_writable(struct loop_poll *poll, int status, int ready) {
	struct channel *channel = loop_poll_data(poll);
	struct process *process = channel->process;
	(void)ready;
	ssize_t len = status < 0 ? -1 : write_quietly(channel->fd, process->input_left);
	if (len >= 0) {
		process->input_left = slice_from(process->input_left, (size_t)len);
	}
	bool is_to_wait = status >= 0 && len < 0 && (errno == EAGAIN || errno == EINTR);
	if (!is_to_wait && (len < 0 || process->input_left.len == 0)) {
		close_channel(channel);
	}
}

/* ---- what happens to it ---- */

/* Looks whether the child has exited, and leaves it a zombie. */
static bool look_for_exit(struct process *process) {
	siginfo_t info = {0};
	int status;
	do {
		status = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	} while (status != 0 && errno == EINTR);
	if (status == 0 && info.si_pid == 0) {
		return false;
	}
	/* Without a status it is not taken for a success: somebody else waited for it, and its
	 * number may be another's. */
	bool is_known = status == 0;
	process->is_reaped = !is_known;
	bool is_exit = is_known && info.si_code == CLD_EXITED;
	process->signal_number = is_known && !is_exit ? info.si_status : 0;
	process->exit_code = !is_known ? 255 : is_exit ? info.si_status : 128 + info.si_status;
	process->has_exited = true;
	return true;
}

static void exited(struct process *process) {
	close_exit(process);
	loop_timer_stop(&process->deadline);
	if (process->state == PROCESS_RUNNING) {
		process->state = PROCESS_DRAINING;
	}
	if (process->state != PROCESS_STOPPING) {
		start_pipe_grace(process);
	}
	settle(process);
}

static void on_exit_readable(struct loop_poll *poll, int status, int ready) {
	struct process *process = loop_poll_data(poll);
	(void)status;
	(void)ready;
	if (look_for_exit(process)) {
		exited(process);
	}
}

/* A busy loop may see the time before the exit. */
static void on_deadline(struct loop_timer *timer) {
	struct process *process = timer->data;
	if (look_for_exit(process)) {
		exited(process);
	} else {
		end_for(process, PROCESS_TIMED_OUT);
	}
}

static void on_grace(struct loop_timer *timer) {
	struct process *process = timer->data;
	if (process->state == PROCESS_STOPPING) {
		kill_now(process);
	} else if (read_rest(&process->output) && read_rest(&process->error)) {
		finish(process);
	}
}

/* ---- the beginning ---- */

static bool fail_start(const struct process_options *options, const struct spawn_failure *failure,
	const char *program, struct error *error) {
	const char *name = options->argv[0];
	if (failure->stage == SPAWN_DIRECTORY) {
		return error_set_errno(error, ERROR_UNAVAILABLE, failure->number,
			"cannot start %s in the directory %s", name, options->cwd);
	}
	if (failure->stage == SPAWN_PROGRAM && failure->number == ENOENT) {
		return error_set(error, ERROR_UNAVAILABLE,
			"cannot start %s: the interpreter that the first line of %s names, or a "
			"directory on the way to it, does not exist",
			name, program);
	}
	return error_set_errno(error, ERROR_UNAVAILABLE, failure->number, "cannot start %s", name);
}

static bool fail_find(const char *name, int number, struct error *error) {
	if (strchr(name, '/') == NULL && number == ENOENT) {
		return error_set(error, ERROR_UNAVAILABLE,
			"cannot start %s: no directory in PATH has a program of that name", name);
	}
	return error_set_errno(error, ERROR_UNAVAILABLE, number, "cannot start %s", name);
}

/* sh PROGRAM ARGUMENT... */
static char *const *shell_arguments(
	struct arena *arena, const char *program, const char *const *argv) {
	size_t count = 0;
	while (argv[count] != NULL) {
		count++;
	}
	const char **list = ARENA_ARRAY(arena, const char *, count + 2);
	list[0] = "sh";
	list[1] = program;
	for (size_t i = 1; i < count; i++) {
		list[i + 1] = argv[i];
	}
	return (char *const *)list;
}

/* The ends of the three pipes that the child gets; -1: none, or closed. */
struct child_ends {
	int input, output, error;
};

static void close_ends(struct child_ends *ends) {
	int *list[] = {&ends->input, &ends->output, &ends->error};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		if (*list[i] >= 0) {
			close(*list[i]);
			*list[i] = -1;
		}
	}
}

/* A pipe with our end watched; `reads`: we read. */
static bool open_channel(struct process *process, struct channel *channel, int *theirs, bool reads,
	struct error *error) {
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return error_set_errno(
			error, ERROR_INTERNAL, errno, "cannot make a pipe for a child process");
	}
	channel->fd = reads ? ends[0] : ends[1];
	*theirs = spawn_raise(reads ? ends[1] : ends[0]);
	channel->poll = loop_poll_create(
		process->loop, channel->fd, reads ? on_readable : on_writable, channel);
	if (*theirs < 0 || channel->poll == NULL) {
		return error_set_errno(
			error, ERROR_INTERNAL, errno, "cannot watch the pipe of a child process");
	}
	loop_poll_set(channel->poll, reads ? LOOP_READABLE : LOOP_WRITABLE);
	return true;
}

static bool open_input(struct process *process, const struct process_options *options,
	struct child_ends *ends, struct error *error) {
	if (options->inherits_stdin) {
		return true;
	}
	if (options->input.data != NULL) {
		process->input_left = options->input;
		return open_channel(process, &process->input, &ends->input, false, error);
	}
	ends->input = spawn_raise(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return ends->input >= 0 || error_set_errno(error, ERROR_INTERNAL, errno,
					   "cannot open /dev/null for a child process");
}

static bool spawn(struct process *process, const struct process_options *options,
	const struct child_ends *ends, struct error *error) {
	struct arena arena;
	arena_init(&arena, loop_arena_pool(process->loop), 0);
	struct spawn_failure failure;
	struct spawn child = {.argv = (char *const *)options->argv,
		.environment =
			program_environment(&arena, options->variables, options->variable_count),
		.cwd = options->cwd,
		.input = ends->input,
		.output = ends->output,
		.error = ends->error,
		.watchdog = options->watchdog};
	int number;
	child.program = program_find(&arena, options->argv[0],
		program_variable(child.environment, "PATH"), options->cwd, &number);
	if (child.program == NULL) {
		fail_find(options->argv[0], number, error);
	} else {
		child.shell_argv = shell_arguments(&arena, child.program, options->argv);
		process->pid = spawn_child(&child, &failure);
		if (process->pid < 0) {
			fail_start(options, &failure, child.program, error);
		}
	}
	arena_finish(&arena);
	return process->pid > 0;
}

static bool watch_exit(struct process *process, struct error *error) {
	if (!exit_watch_start(&process->exit_watch, process->pid)) {
		return error_set_errno(error, ERROR_INTERNAL, errno,
			"cannot watch for the exit of a child process");
	}
	process->exit_poll =
		loop_poll_create(process->loop, process->exit_watch.fd, on_exit_readable, process);
	if (process->exit_poll == NULL) {
		return error_set(
			error, ERROR_INTERNAL, "cannot watch for the exit of a child process");
	}
	loop_poll_set(process->exit_poll, LOOP_READABLE);
	return true;
}

struct process *process_start(
	struct loop *loop, const struct process_options *options, struct error *error) {
	struct process *process = mem_calloc(1, sizeof *process);
	struct child_ends ends = {-1, -1, -1};
	process->loop = loop;
	process->input = (struct channel){.process = process, .fd = -1};
	process->output = process->error = process->input;
	process->exit_watch.fd = -1;
	process->started_ms = clock_monotonic_ms();
	process->kill_grace_ms =
		options->kill_grace_ms != 0 ? options->kill_grace_ms : PROCESS_KILL_GRACE_MS;
	process->max_output = options->max_output != 0 ? options->max_output : PROCESS_MAX_OUTPUT;
	process->streams_output = options->streams_output;
	process->watchdog = options->watchdog;
	process->on_output = options->on_output;
	process->on_done = options->on_done;
	process->data = options->data;
	loop_timer_init(loop, &process->deadline, on_deadline, process);
	loop_timer_init(loop, &process->grace, on_grace, process);

	bool is_started = open_channel(process, &process->output, &ends.output, true, error) &&
			  open_channel(process, &process->error, &ends.error, true, error) &&
			  open_input(process, options, &ends, error) &&
			  spawn(process, options, &ends, error);
	close_ends(&ends);
	if (!is_started) {
		detach(process);
		free_process(process);
		return NULL;
	}
	if (!watch_exit(process, error)) {
		process_release(process);
		return NULL;
	}
	if (options->timeout_ms != 0) {
		loop_timer_start(&process->deadline, options->timeout_ms);
	}
	return process;
}

/* ---- what its owner asks ---- */

void process_stop(struct process *process) {
	end_for(process, PROCESS_STOPPED);
}

void process_kill(struct process *process) {
	if (process->state != PROCESS_KILLED && process->state != PROCESS_DONE) {
		give_reason(process, PROCESS_STOPPED);
		kill_now(process);
	}
}

void process_pause(struct process *process) {
	if (process->is_paused || process->state == PROCESS_DONE) {
		return;
	}
	process->is_paused = true;
	if (process->output.poll != NULL) {
		loop_poll_set(process->output.poll, 0);
	}
	if (process->has_exited && process->state != PROCESS_STOPPING) {
		loop_timer_stop(&process->grace);
	}
}

void process_resume(struct process *process) {
	if (!process->is_paused) {
		return;
	}
	process->is_paused = false;
	if (process->output.poll != NULL) {
		loop_poll_set(process->output.poll, LOOP_READABLE);
	}
	if (process->state != PROCESS_DONE && process->has_exited &&
		process->state != PROCESS_STOPPING) {
		start_pipe_grace(process);
	}
}

void process_release(struct process *process) {
	if (process == NULL) {
		return;
	}
	if (process->state != PROCESS_DONE) {
		detach(process);
		end_group(process);
		process->state = PROCESS_DONE;
	}
	process->is_released = true;
	if (process->depth == 0) {
		dispose(process);
	}
}

/* Takes a channel off the loop, but leaves it open. */
static void unwatch(struct channel *channel) {
	loop_poll_destroy(channel->poll);
	channel->poll = NULL;
}

/* Nothing of it is left on the loop; the thread that reaps it has its descriptors. Its pipes stay
 * open: even a shell that says "Terminated" would die of a closed one before it could tidy up. */
void process_dismiss(struct process *process) {
	if (process == NULL || process->state == PROCESS_DONE || process->has_exited) {
		process_release(process);
		return;
	}
	unwatch(&process->output);
	unwatch(&process->error);
	close_channel(&process->input);
	loop_poll_destroy(process->exit_poll);
	process->exit_poll = NULL;
	loop_timer_stop(&process->deadline);
	loop_timer_stop(&process->grace);
	kill_group(process, SIGTERM);
	kill_group(process, SIGCONT);
	watchdog_ref(process->watchdog);
	process->is_dismissed = true;
	process->state = PROCESS_DONE;
	process->is_released = true;
	if (process->depth == 0) {
		dispose(process);
	}
}
