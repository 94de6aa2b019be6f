/* Small helpers shared by the benchmark programs: errors, clock, loopback sockets. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Prints "what: strerror(errno)" and ends the program with status 1. */
static inline _Noreturn void bench_die(const char *program, const char *what) {
	fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
	exit(1);
}

/* Monotonic clock in nanoseconds. */
static inline uint64_t bench_now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Without it, one 200-byte event could wait for the ACK of the one before. */
static inline void bench_set_nodelay(int fd) {
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline struct sockaddr_in bench_loopback(uint16_t port) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

/*
 * Reads a decimal option value in [least, most]. On anything else names the option on stderr and
 * ends the program with status 2.
 */
static inline uint64_t bench_number(
	const char *program, const char *option, const char *text, uint64_t least, uint64_t most) {
	char *end = NULL;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least ||
		value > most) {
		fprintf(stderr, "%s: --%s takes a number from %llu to %llu, not \"%s\"\n", program,
			option, (unsigned long long)least, (unsigned long long)most, text);
		exit(2);
	}
	return value;
}

#endif
