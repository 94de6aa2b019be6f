/* main.c: where the program begins. */
#include <fcntl.h>
#include <unistd.h>

#include "cli/command.h"

/* Whoever started us may have closed standard streams: the next file opened, a project's perhaps,
 * would become one. Reading from such a stream finds the end, writing to standard output fails, as
 * it would have, and what is said on standard error is lost. */
static void fill_standard_streams(void) {
	static const int flags[] = {O_RDONLY, O_RDONLY, O_WRONLY};
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest free number is this one: those below it are open. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd) {
			_exit(COMMAND_FAILED);
		}
	}
}

int main(int argc, char **argv) {
	fill_standard_streams();
	return command_main(argc, argv, environ, stdout, stderr);
}
