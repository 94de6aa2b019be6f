/* test_doctor.c: what doctor finds out about this process and about proxies. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/doctor.h"

int test_doctor(void);

/* A listener on a port the kernel chose. */
static int listen_somewhere(unsigned *port) {
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void the_owner_of_a_port_is_found(void **state) {
	(void)state;
	struct arena arena;
	unsigned port;
	char wanted[64];
	arena_init(&arena, NULL, 0);
	int fd = listen_somewhere(&port);
	snprintf(wanted, sizeof wanted, "(process %d)", (int)getpid());
	const char *owner = doctor_port_owner(&arena, port);
	assert_non_null(owner);
	assert_non_null(strstr(owner, wanted));
	close(fd);
	assert_null(doctor_port_owner(&arena, port));
	arena_finish(&arena);
}

static void proxies_lose_their_credentials(void **state) {
	(void)state;
	static const char *const cases[][2] = {
		{"http://proxy:3128", "http://proxy:3128"},
		{"http://user:p@ss@proxy:3128", "http://proxy:3128"},
		{"socks5h://u@[::1]:1080", "socks5h://[::1]:1080"},
		{"u:p@proxy:80", "proxy:80"},
		{"direct", "direct"},
	};
	struct doctor doctor = {0};
	arena_init(&doctor.arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_string_equal(doctor_proxy_host(&doctor, slice_of(cases[i][0])), cases[i][1]);
	}
	arena_finish(&doctor.arena);
}

static void findings_hold_no_key(void **state) {
	(void)state;
	struct doctor doctor = {0};
	arena_init(&doctor.arena, NULL, 0);
	doctor_say(
		&doctor, DOCTOR_FAIL, "provider", NULL, "refused: sk-abcdefghijklmnopqrstuvwxyz");
	assert_int_equal(doctor.findings.len, 1);
	assert_null(strstr(doctor.findings.items[0].message, "abcdefghijklmnop"));
	arena_finish(&doctor.arena);
}

int test_doctor(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_of_a_port_is_found),
		cmocka_unit_test(proxies_lose_their_credentials),
		cmocka_unit_test(findings_hold_no_key),
	};
	return cmocka_run_group_tests_name("cli/doctor", tests, NULL, NULL);
}
