/* fake_tls.h: a TLS server on a thread of its own, with a certificate it signed itself for
 * 127.0.0.1. Speaks HTTP/1.1, or as much of HTTP/2 as one answer needs. */
#ifndef LLMMUX_TESTS_FAKE_TLS_H
#define LLMMUX_TESTS_FAKE_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct fake_tls;

/* Answers every request with `body_bytes` bytes 'b'. */
struct fake_tls *fake_tls_create(bool speaks_h2, size_t body_bytes);
/* No connection may be open any more. */
void fake_tls_destroy(struct fake_tls *server);
int fake_tls_port(const struct fake_tls *server);
/* A PEM file of its certificate, to trust it. */
const char *fake_tls_certificate(const struct fake_tls *server);

#endif
