/* kill_at_write.c: preloaded into the program by the crash test: ends it by SIGKILL before the N-th
 * call that changes a file (KILL_AT_WRITE=N), or counts them (KILL_COUNT_FILE=path). Only the
 * program itself, never its children. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at;
static pid_t own_process; /* 0: another program */
static const char *count_file;

__attribute__((constructor)) static void begin(void) {
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	const char *at = getenv("KILL_AT_WRITE");
	path[len > 0 ? len : 0] = '\0';
	const char *name = strrchr(path, '/');
	if (name && strcmp(name, "/llm-mux") == 0) {
		own_process = getpid();
		kill_at = at ? atol(at) : 0;
		count_file = getenv("KILL_COUNT_FILE");
	}
}

__attribute__((destructor)) static void end(void) {
	FILE *file = own_process == getpid() && count_file ? fopen(count_file, "w") : NULL;
	if (file) {
		fprintf(file, "%ld\n", atomic_load(&calls));
		fclose(file);
	}
}

static void change(void) {
	if (own_process == 0 || own_process != getpid()) {
		return;
	}
	if (atomic_fetch_add(&calls, 1) + 1 == kill_at) {
		kill(own_process, SIGKILL);
		pause();
	}
}

/* Files alone: sockets and pipes carry no state that a resume could miss. */
static void change_by(int fd) {
	struct stat status;
	if (own_process != 0 && fstat(fd, &status) == 0 &&
		(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
		change();
	}
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
	change_by(fd);
	return NEXT(write)(fd, bytes, count);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
	change_by(fd);
	return NEXT(pwrite64)(fd, bytes, count, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
	change_by(fd);
	return NEXT(writev)(fd, parts, count);
}
int fsync(int fd) {
	change_by(fd);
	return NEXT(fsync)(fd);
}
int fdatasync(int fd) {
	change_by(fd);
	return NEXT(fdatasync)(fd);
}
int ftruncate64(int fd, off64_t length) {
	change_by(fd);
	return NEXT(ftruncate64)(fd, length);
}
int ftruncate(int fd, off_t length) {
	change_by(fd);
	return NEXT(ftruncate)(fd, length);
}
int rename(const char *from, const char *to) {
	change();
	return NEXT(rename)(from, to);
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
	change();
	return NEXT(renameat)(from_dir, from, to_dir, to);
}
int unlink(const char *path) {
	change();
	return NEXT(unlink)(path);
}
int unlinkat(int dir, const char *path, int flags) {
	change();
	return NEXT(unlinkat)(dir, path, flags);
}
int mkdir(const char *path, mode_t mode) {
	change();
	return NEXT(mkdir)(path, mode);
}
int mkdirat(int dir, const char *path, mode_t mode) {
	change();
	return NEXT(mkdirat)(dir, path, mode);
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
	change();
	return NEXT(linkat)(from_dir, from, to_dir, to, flags);
}
int fchmod(int fd, mode_t mode) {
	change();
	return NEXT(fchmod)(fd, mode);
}
