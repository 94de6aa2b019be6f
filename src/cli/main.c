/* main.c: where the program begins. */
#include <unistd.h>

#include "cli/command.h"

int main(int argc, char **argv) {
	return command_main(argc, argv, environ, stdout, stderr);
}
